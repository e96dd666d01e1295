-- Questions about usage: sums over the finest groups. {by} is the column that is asked by.

-- name: scope
-- Bind this transaction to a workspace (row-level security).
SELECT set_config('provenstore.workspace', %(workspace)s, true);

-- name: sums
-- The sums of what follows, and apart from them what was given out in the month that is billed.
SELECT {by} AS key, u.provider, sum(u.new_files)::bigint, sum(u.new_bytes)::bigint, sum(u.files)::bigint,
    sum(u.bytes)::bigint, sum(u.deleted_files)::bigint, sum(u.deleted_bytes)::bigint, sum(u.downloads)::bigint,
    sum(u.views)::bigint, sum(u.redirects)::bigint, sum(u.served_bytes)::bigint,
    coalesce(sum(u.served_bytes) FILTER (WHERE u.month = %(billed)s), 0)::bigint

-- name: everything
-- All of it, whatever it is asked by: {by} is a constant.
FROM provenstore_read.usage_sum u WHERE true

-- name: page
-- The groups of a page; each of their keys comes once, so that the join multiplies nothing.
FROM (
    SELECT DISTINCT {by} AS key FROM provenstore_read.usage_sum u
    WHERE {by} > %(after)s {within}
    ORDER BY key LIMIT %(limit)s
) p
JOIN provenstore_read.usage_sum u ON {by} = p.key
WHERE true

-- name: named
-- The groups of these keys.
FROM provenstore_read.usage_sum u WHERE {by} = ANY(%(keys)s::text[])

-- name: workspace
-- What a workspace uses.
AND u.workspace = %(workspace)s

-- name: month
-- What was stored or given out in a month.
AND u.month = %(month)s

-- name: end
-- One row per group and provider, whose prices differ.
GROUP BY 1, 2 ORDER BY 1, 2
