-- The tree over the log: what its integrator reads and writes.

-- name: entries
-- Exact bytes and recorded leaves above a position, in order.
SELECT position, state, leaf FROM provenstore.event WHERE position > %(after)s ORDER BY position LIMIT %(limit)s;

-- name: tree
-- How far the tree has come, and where it stands still.
SELECT size, parked_position, parked_why FROM provenstore.tree;

-- name: tiles
-- Tiles by level and number, each as wide as it is by now; one without hashes has none, whoever allowed that.
SELECT t.level, t.number, coalesce(t.hashes, '')
FROM unnest(%(levels)s::smallint[], %(numbers)s::bigint[]) k (level, number)
JOIN provenstore.tile t USING (level, number);

-- name: grow
-- Move the size, if it is still the one from which the tiles were computed.
UPDATE provenstore.tree SET size = %(size)s, parked_position = NULL, parked_why = NULL, parked_at = NULL
WHERE size = %(before)s;

-- name: write_tiles
-- Add tiles, and lengthen those at the edge.
INSERT INTO provenstore.tile AS t (level, number, hashes)
SELECT * FROM unnest(%(levels)s::smallint[], %(numbers)s::bigint[], %(hashes)s::bytea[])
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes;

-- name: park
-- Stand still before a position; the first to say so says why.
UPDATE provenstore.tree SET parked_position = %(position)s, parked_why = %(why)s, parked_at = clock_timestamp()
WHERE size = %(size)s AND parked_position IS NULL;

-- name: go_on
-- Stand still no longer: what could not be taken is as it was sealed again.
UPDATE provenstore.tree SET parked_position = NULL, parked_why = NULL, parked_at = NULL
WHERE parked_position IS NOT NULL;
