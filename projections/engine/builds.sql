-- Generations that are built beside the live ones.

-- name: briefly
-- Whoever reads is not kept waiting behind us for longer than this; we come back.
SET LOCAL lock_timeout = '300ms';

-- name: builds
-- The newest build of each read model.
SELECT name, version, generation, position, tables, purpose, status, error, error_position, started_at, started_by,
    resumed_at, resumed_position, updated_at, differences
FROM provenstore_read.projection_build
ORDER BY name;

-- name: begin
-- A build takes the row of the one before it.
INSERT INTO provenstore_read.projection_build (name, version, generation, position, tables, purpose, status,
    started_at, started_by, resumed_at, resumed_position, updated_at)
VALUES (%(name)s, %(version)s, %(generation)s, 0, %(tables)s, %(purpose)s, 'building', now(), %(by)s, now(), 0, now())
ON CONFLICT (name) DO UPDATE SET
    version = excluded.version, generation = excluded.generation, position = 0, tables = excluded.tables,
    purpose = excluded.purpose, status = 'building', error = NULL, error_position = NULL,
    started_at = excluded.started_at, started_by = excluded.started_by, resumed_at = excluded.resumed_at,
    resumed_position = 0, updated_at = excluded.updated_at, differences = NULL;

-- name: again
-- A build that met an event it could not take goes on at that event.
UPDATE provenstore_read.projection_build
SET status = 'building', error = NULL, error_position = NULL, resumed_at = clock_timestamp(),
    resumed_position = position, updated_at = clock_timestamp()
WHERE name = %(name)s AND status = 'failed';

-- name: resume
-- Somebody took it up.
UPDATE provenstore_read.projection_build
SET resumed_at = clock_timestamp(), resumed_position = position, updated_at = clock_timestamp()
WHERE name = %(name)s AND generation = %(generation)s AND status = 'building';

-- name: end
-- It is over.
UPDATE provenstore_read.projection_build
SET status = %(status)s, differences = %(differences)s, error = NULL, error_position = NULL,
    updated_at = clock_timestamp()
WHERE name = %(name)s AND generation = %(generation)s;

-- name: hold
-- The place of a live generation, which does not move until the transaction ends.
SELECT version, generation, position, tables FROM provenstore_read.projection WHERE name = %(name)s FOR UPDATE;

-- name: swap
-- The built generation is the live one. What was parked goes on; what was stopped by hand stays stopped.
UPDATE provenstore_read.projection
SET version = %(version)s, generation = %(generation)s, position = %(position)s, tables = %(tables)s,
    status = CASE WHEN stopped_by IS NULL THEN 'running' ELSE status END,
    parked_at = CASE WHEN stopped_by IS NULL THEN NULL ELSE parked_at END,
    error = NULL, error_position = NULL
WHERE name = %(name)s;

-- name: differences
-- What the newest comparison found.
SELECT view, key, "column", live, rebuilt FROM provenstore_read.projection_difference
WHERE name = %(name)s ORDER BY ordinal;

-- name: clear_differences
-- A new build begins: what the one before it found is no longer asked for.
DELETE FROM provenstore_read.projection_difference WHERE name = %(name)s;

-- name: key_columns
-- The columns of a table's primary key, in order; none where it has no such key.
SELECT a.attname::text
FROM pg_catalog.pg_index i
CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, ordinal)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
WHERE i.indisprimary AND i.indrelid = to_regclass('provenstore_read.' || quote_ident(%(table)s))
ORDER BY k.ordinal;

-- name: compare_keyed
-- Rows of two generations by primary key: the columns that differ, and rows that are only on one side.
WITH pair AS (
    SELECT jsonb_build_object({key}) AS key, to_jsonb(l) AS live, to_jsonb(r) AS rebuilt
    FROM provenstore_read.{live} l FULL JOIN provenstore_read.{rebuilt} r ON ({join})
    WHERE to_jsonb(l) IS DISTINCT FROM to_jsonb(r)
), found AS (
    SELECT key, NULL AS "column", live, rebuilt FROM pair WHERE live IS NULL OR rebuilt IS NULL
    UNION ALL
    SELECT key, name, live -> name, rebuilt -> name
    FROM pair CROSS JOIN LATERAL jsonb_object_keys(live) AS name
    WHERE rebuilt IS NOT NULL AND live -> name IS DISTINCT FROM rebuilt -> name
)

-- name: compare_whole
-- Rows of two generations without a primary key: those that are more often on one side than on the other.
WITH l AS (SELECT to_jsonb(one) AS row, count(*) AS times FROM provenstore_read.{live} one GROUP BY 1),
r AS (SELECT to_jsonb(one) AS row, count(*) AS times FROM provenstore_read.{rebuilt} one GROUP BY 1),
found AS (
    SELECT '{{}}'::jsonb AS key, NULL AS "column",
        CASE WHEN coalesce(l.times, 0) > coalesce(r.times, 0) THEN l.row END AS live,
        CASE WHEN coalesce(r.times, 0) > coalesce(l.times, 0) THEN r.row END AS rebuilt
    FROM l FULL JOIN r ON l.row = r.row
    WHERE coalesce(l.times, 0) <> coalesce(r.times, 0)
)

-- name: keep_differences
-- Keep the first of what one of the statements above found, and count all.
, kept AS (
    INSERT INTO provenstore_read.projection_difference (name, ordinal, view, key, "column", live, rebuilt)
    SELECT %(name)s, %(before)s + row_number() OVER (ORDER BY key, "column"), %(view)s, key, "column", live, rebuilt
    FROM found
    ORDER BY key, "column"
    LIMIT %(room)s
)
SELECT count(*) FROM found;
