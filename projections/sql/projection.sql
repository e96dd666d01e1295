-- Where each read model stands. Kept by the runner's role, read by everyone who must wait for a position.

-- name: lock
-- One process at a time prepares tables; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('provenstore_read.prepare', 0));

-- name: lead
-- Become the one active runner; held by this session until it ends or gives up the lead.
SELECT pg_try_advisory_lock(hashtextextended('provenstore_read.runner', 0));

-- name: utc
-- Times as far as the year 9999 must come back, whatever the session's zone would make of them.
SELECT set_config('timezone', 'UTC', true);

-- name: create
-- One row per read model; `generation` names the tables behind its views.
CREATE TABLE IF NOT EXISTS provenstore_read.projection (
    name           text PRIMARY KEY,
    version        integer NOT NULL,
    generation     integer NOT NULL CHECK (generation > 0),
    position       bigint NOT NULL CHECK (position >= 0),
    status         text NOT NULL CHECK (status IN ('running', 'parked')),
    error          text,
    error_position bigint,
    parked_at      timestamptz,
    CHECK ((status = 'parked') = (error IS NOT NULL)),
    CHECK ((status = 'parked') = (error_position IS NOT NULL)),
    CHECK ((status = 'parked') = (parked_at IS NOT NULL))
);

-- name: grant
-- Positions belong to no tenant, and say nothing about one; the migrations let readers into the schema.
GRANT SELECT ON provenstore_read.projection TO provenstore_reader, provenstore_writer;

-- name: register
-- A read model that is new here starts before the first event.
INSERT INTO provenstore_read.projection (name, version, generation, position, status)
VALUES (%(name)s, %(version)s, 1, 0, 'running')
ON CONFLICT (name) DO NOTHING;

-- name: renew
-- Begin a read model of a newer version anew, in tables of its own; whoever still folds the old one is fenced off.
UPDATE provenstore_read.projection
SET version = %(version)s, generation = generation + 1, position = 0,
    status = 'running', error = NULL, error_position = NULL, parked_at = NULL
WHERE name = %(name)s;

-- name: drop
-- Forget a table of an older version and its view; {table} is the one, {view} the other.
DROP VIEW IF EXISTS provenstore_read.{view};
DROP TABLE IF EXISTS provenstore_read.{table};

-- name: table_exists
-- Whether a generation of a table has been made.
SELECT to_regclass('provenstore_read.' || %(table)s) IS NOT NULL;

-- name: places
-- Where all read models stand.
SELECT name, version, generation, position, status, error, error_position, parked_at
FROM provenstore_read.projection
ORDER BY name;

-- name: move
-- Compare and set: nothing happens if somebody else moved the read model or swapped its generation.
UPDATE provenstore_read.projection
SET position = %(to)s, status = 'running', error = NULL, error_position = NULL, parked_at = NULL
WHERE name = %(name)s AND position = %(position)s AND generation = %(generation)s;

-- name: park
-- Stop one read model before the event it cannot take; the error's class is kept, never its words.
UPDATE provenstore_read.projection
SET status = 'parked', error = %(error)s, error_position = %(error_position)s, parked_at = now()
WHERE name = %(name)s AND position = %(position)s AND generation = %(generation)s;
