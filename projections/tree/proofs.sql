-- Checkpoints, and what proofs are made of; reads but for `record` and `attach`.

-- name: durable
-- What is put on record before a signature must survive a power cut, unlike rows that can be folded again.
SET synchronous_commit = on;

-- name: standing
-- Log, tree and newest head, all of one moment; no row on a server that only follows another.
SELECT coalesce((SELECT position FROM provenstore.event ORDER BY position DESC LIMIT 1), 0), t.size,
       c.size, c.root, c.note
FROM provenstore.tree t
LEFT JOIN LATERAL (
    SELECT size, root, note FROM provenstore.checkpoint ORDER BY size DESC LIMIT 1
) c ON true
WHERE NOT pg_is_in_recovery();

-- name: heads_below
-- Signed heads below a size, the largest first. Here and below: a time that only tampering can write is read as one that
-- no checkpoint has.
SELECT size, root, greatest('0001-01-02', least('9999-12-30', time)) as time, note FROM provenstore.checkpoint
WHERE note IS NOT NULL AND size < %(below)s ORDER BY size DESC LIMIT %(limit)s;

-- name: record
-- Put a head on record; one that is there stays.
INSERT INTO provenstore.checkpoint (size, root) VALUES (%(size)s, %(root)s) ON CONFLICT (size) DO NOTHING;

-- name: root_on_record
-- The root of a head on record.
SELECT root FROM provenstore.checkpoint WHERE size = %(size)s;

-- name: recorded
-- A head on record.
SELECT root, note FROM provenstore.checkpoint WHERE size = %(size)s;

-- name: attach
-- Add the note to a head that has none.
UPDATE provenstore.checkpoint SET note = %(note)s WHERE size = %(size)s AND note IS NULL;

-- name: newest
-- The newest checkpoint.
SELECT size, root, greatest('0001-01-02', least('9999-12-30', time)) as time, note FROM provenstore.checkpoint WHERE note IS NOT NULL ORDER BY size DESC LIMIT 1;

-- name: under_newest
-- The newest checkpoint, and the tiles of which the path of leaf `index` under it is made: over the leaf, and at the
-- edge. Levels that nobody's log will reach are left out, as their shift would go around.
SELECT c.size, c.root, c.time, c.note, t.level, t.number, coalesce(t.hashes, '')
FROM (
    SELECT size, root, greatest('0001-01-02', least('9999-12-30', time)) as time, note
    FROM provenstore.checkpoint WHERE note IS NOT NULL AND size <= %(upto)s ORDER BY size DESC LIMIT 1
) c
LEFT JOIN LATERAL (
    SELECT k.level, k.number, t.hashes
    FROM (
        SELECT l.level, %(index)s::bigint >> (8 * (l.level + 1)) AS number
        FROM (VALUES (0), (1), (2), (3), (4), (5), (6)) l (level)
        UNION
        SELECT l.level, c.size >> (8 * (l.level + 1))
        FROM (VALUES (0), (1), (2), (3), (4), (5), (6)) l (level)
    ) k
    JOIN provenstore.tile t ON t.level = k.level::smallint AND t.number = k.number
) t ON true;

-- name: checkpoints
-- Checkpoints above a size, in order.
SELECT size, root, greatest('0001-01-02', least('9999-12-30', time)) as time, note FROM provenstore.checkpoint
WHERE note IS NOT NULL AND size > %(after)s ORDER BY size LIMIT %(limit)s;

-- name: heads
-- Heads on record between two sizes, in order, whether or not they were signed.
SELECT size, root, note FROM provenstore.checkpoint
WHERE size > %(after)s AND size <= %(upto)s ORDER BY size LIMIT %(limit)s;

-- name: largest_head
-- The size of the largest head on record.
SELECT coalesce(max(size), 0) FROM provenstore.checkpoint;

-- name: position
-- How many events the log has.
SELECT coalesce(max(position), 0) FROM provenstore.event;

-- name: bundle
-- Exact bytes of a stretch of the log.
SELECT position, state FROM provenstore.event
WHERE position > %(after)s AND position <= %(upto)s ORDER BY position;

-- name: alive
-- Nothing, on a session that still is.
SELECT;
