-- What disposal policies will destroy, found in the file index. The policies themselves stand in the log: they come as
-- %(terms)s, one per workspace and category.

-- name: categories
-- In which categories of which workspaces anything is deleted or expired; skips from one to the next along the index.
WITH RECURSIVE found AS (
    (SELECT f.workspace, f.category
     FROM provenstore_read.file_index f
     WHERE f.status IN ('soft_deleted', 'expired') AND f.stored_at IS NOT NULL
        AND (%(workspace)s::text IS NULL OR f.workspace = %(workspace)s)
     ORDER BY f.workspace, f.category LIMIT 1)
    UNION ALL
    SELECT n.workspace, n.category
    FROM found, LATERAL (
        SELECT f.workspace, f.category
        FROM provenstore_read.file_index f
        WHERE f.status IN ('soft_deleted', 'expired') AND f.stored_at IS NOT NULL
            AND (%(workspace)s::text IS NULL OR f.workspace = %(workspace)s)
            AND (f.workspace, f.category) > (found.workspace, found.category)
        ORDER BY f.workspace, f.category LIMIT 1
    ) n
)
SELECT workspace, category FROM found;

-- name: removed
-- Files that are deleted or expired under those policies, before any statement below: when each is destroyed, and what
-- keeps it from that.
WITH removed AS (
    SELECT f.id AS file, f.created_position AS position, f.category, t.policy, f.filename, coalesce(f.size, 0) AS size,
        f.deleted_at AS removed_at, f.disposal_since AS days_since, f.retention_until,
        greatest(f.disposal_since + t.days * interval '24 hours', t.not_before, f.retention_until) AS due_at,
        CASE WHEN f.disposal IS NOT NULL THEN 'purge' WHEN f.holds > 0 THEN 'hold' WHEN f.damage IS NOT NULL THEN 'damage'
        END AS kept_by
    FROM json_to_recordset(%(terms)s::json)
        AS t (workspace text, category text, policy text, days integer, not_before timestamptz)
    JOIN provenstore_read.file_index f ON f.workspace = t.workspace AND f.category = t.category
    WHERE f.status IN ('soft_deleted', 'expired') AND f.stored_at IS NOT NULL
)

-- name: sums
-- Of each policy: how much of it is due at %(now)s, how much will be, and how much something keeps.
SELECT category, policy,
    count(*) FILTER (WHERE kept_by IS NULL AND due_at <= %(now)s) AS due_files,
    coalesce(sum(size) FILTER (WHERE kept_by IS NULL AND due_at <= %(now)s), 0)::bigint AS due_bytes,
    count(*) FILTER (WHERE kept_by IS NULL AND due_at > %(now)s) AS later_files,
    coalesce(sum(size) FILTER (WHERE kept_by IS NULL AND due_at > %(now)s), 0)::bigint AS later_bytes,
    count(*) FILTER (WHERE kept_by IS NOT NULL) AS kept_files,
    coalesce(sum(size) FILTER (WHERE kept_by IS NOT NULL), 0)::bigint AS kept_bytes,
    min(due_at) FILTER (WHERE kept_by IS NULL) AS next_at
FROM removed
GROUP BY category, policy
ORDER BY category;

-- name: list
-- A page of what nothing keeps, the oldest files first; with %(before)s only what is destroyed before then.
SELECT file, position, category, policy, filename, size, removed_at, days_since, retention_until, due_at
FROM removed
WHERE kept_by IS NULL AND position > %(position)s AND (%(before)s::timestamptz IS NULL OR due_at < %(before)s)
ORDER BY position
LIMIT %(limit)s;
