-- Where each read model stands. Kept by the runner's role, read by everyone who must wait for a position.

-- name: lead
-- Become the one who folds something, named by %(what)s; held by this session until it ends or gives it up.
SELECT pg_try_advisory_lock(hashtextextended('provenstore_read.' || %(what)s, 0));

-- name: utc
-- Times as far as the year 9999 must come back, whatever the session's zone would make of them.
SELECT set_config('timezone', 'UTC', true);

-- name: session
-- Rows and their position are durable together or not at all, so that a power cut costs nothing but folding again.
SET synchronous_commit = off;

-- name: listen
-- Hear when the log grows.
LISTEN provenstore_log;

-- name: notify
-- Wake whoever listens.
NOTIFY provenstore_log;

-- name: forget_old
-- Read models from before generations stood side by side are folded anew; nobody else has made tables in this schema.
DO $$
DECLARE
    old text;
BEGIN
    IF to_regclass('provenstore_read.projection') IS NULL OR EXISTS (
        SELECT FROM pg_catalog.pg_attribute
        WHERE attrelid = to_regclass('provenstore_read.projection') AND attname = 'tables'
    ) THEN
        RETURN;
    END IF;
    FOR old IN
        SELECT relname FROM pg_catalog.pg_class
        WHERE relnamespace = 'provenstore_read'::regnamespace AND relkind = 'r' AND relname <> 'job_attempt'
    LOOP
        EXECUTE format('DROP TABLE provenstore_read.%I CASCADE', old);
    END LOOP;
END
$$;

-- name: create
-- One row per read model; `generation` names the tables behind its views, and `tables` the views of its version.
CREATE TABLE IF NOT EXISTS provenstore_read.projection (
    name           text PRIMARY KEY,
    version        integer NOT NULL,
    generation     integer NOT NULL CHECK (generation > 0),
    position       bigint NOT NULL CHECK (position >= 0),
    tables         text[] NOT NULL,
    status         text NOT NULL CHECK (status IN ('running', 'paused', 'parked')),
    error          text,
    error_position bigint,
    parked_at      timestamptz,
    stopped_by     text,
    CHECK ((status = 'parked' AND stopped_by IS NULL) = (error IS NOT NULL)),
    CHECK ((error IS NULL) = (error_position IS NULL)),
    CHECK ((status = 'running') = (parked_at IS NULL)),
    CHECK (status <> 'paused' OR stopped_by IS NOT NULL),
    CHECK (status <> 'running' OR stopped_by IS NULL)
);

-- name: create_build
-- The newest generation that was begun beside the live one, with what became of it; at most one per read model.
CREATE TABLE IF NOT EXISTS provenstore_read.projection_build (
    name             text PRIMARY KEY,
    version          integer NOT NULL,
    generation       integer NOT NULL CHECK (generation > 0),
    position         bigint NOT NULL CHECK (position >= 0),
    tables           text[] NOT NULL,
    purpose          text NOT NULL CHECK (purpose IN ('version', 'rebuild', 'compare')),
    status           text NOT NULL CHECK (status IN ('building', 'failed', 'done', 'cancelled')),
    error            text,
    error_position   bigint,
    started_at       timestamptz NOT NULL,
    started_by       text,
    resumed_at       timestamptz NOT NULL,
    resumed_position bigint NOT NULL,
    updated_at       timestamptz NOT NULL,
    differences      bigint,
    CHECK ((status = 'failed') = (error IS NOT NULL)),
    CHECK ((status = 'failed') = (error_position IS NOT NULL))
);

-- name: create_difference
-- What the newest comparison of a read model found. Values may be private: they are forgotten at every erasure.
CREATE TABLE IF NOT EXISTS provenstore_read.projection_difference (
    name    text NOT NULL,
    ordinal integer NOT NULL,
    view    text NOT NULL,
    key     jsonb NOT NULL,
    "column" text,
    live    jsonb,
    rebuilt jsonb,
    PRIMARY KEY (name, ordinal)
);

-- name: grant
-- Positions belong to no tenant, and say nothing about one; the migrations let readers into the schema.
GRANT SELECT ON provenstore_read.projection, provenstore_read.projection_build
    TO provenstore_reader, provenstore_writer;

-- name: register
-- A read model that is new here starts before the first event.
INSERT INTO provenstore_read.projection (name, version, generation, position, tables, status)
VALUES (%(name)s, %(version)s, 1, 0, %(tables)s, 'running');

-- name: places
-- Where all read models stand.
SELECT name, version, generation, position, tables, status, error, error_position, parked_at, stopped_by
FROM provenstore_read.projection
ORDER BY name;

-- name: move
-- Compare and set: nothing happens if somebody else moved or stopped the read model, or swapped its generation.
UPDATE provenstore_read.projection
SET position = %(to)s, status = 'running', error = NULL, error_position = NULL, parked_at = NULL
WHERE name = %(name)s AND position = %(position)s AND generation = %(generation)s AND stopped_by IS NULL;

-- name: move_build
-- The same for a generation that is being built.
UPDATE provenstore_read.projection_build
SET position = %(to)s, updated_at = clock_timestamp()
WHERE name = %(name)s AND position = %(position)s AND generation = %(generation)s AND status = 'building';

-- name: park
-- Stop one read model before the event it cannot take; the error's class is kept, never its words.
UPDATE provenstore_read.projection
SET status = 'parked', error = %(error)s, error_position = %(error_position)s, parked_at = now()
WHERE name = %(name)s AND position = %(position)s AND generation = %(generation)s AND stopped_by IS NULL;

-- name: fail_build
-- The same for a generation that is being built.
UPDATE provenstore_read.projection_build
SET status = 'failed', error = %(error)s, error_position = %(error_position)s, updated_at = clock_timestamp()
WHERE name = %(name)s AND position = %(position)s AND generation = %(generation)s AND status = 'building';

-- name: still
-- What is paused or parked, and stays so until the transaction ends.
SELECT FROM provenstore_read.projection
WHERE name = %(name)s AND position = %(position)s AND generation = %(generation)s AND status <> 'running'
FOR UPDATE;

-- name: still_build
-- The same for a build that failed, whose tables stay, too.
SELECT FROM provenstore_read.projection_build
WHERE name = %(name)s AND position = %(position)s AND generation = %(generation)s AND status = 'failed'
FOR UPDATE;

-- name: pause
-- Stop a read model by hand until it is resumed: what it has stays readable.
UPDATE provenstore_read.projection
SET status = %(status)s, stopped_by = %(by)s, parked_at = now(), error = NULL, error_position = NULL
WHERE name = %(name)s;

-- name: resume
-- Let a read model go on that was stopped, by hand or by an event.
UPDATE provenstore_read.projection
SET status = 'running', stopped_by = NULL, parked_at = NULL, error = NULL, error_position = NULL
WHERE name = %(name)s AND status = ANY(%(from)s);

-- name: forget_differences
-- The values that a comparison found may have been erased since.
UPDATE provenstore_read.projection_difference SET live = NULL, rebuilt = NULL WHERE name = %(name)s;

-- name: rows
-- All rows of one table, in an order that depends on nothing but them.
SELECT found.row FROM (SELECT to_jsonb(one) AS row FROM provenstore_read.{table} one) found ORDER BY found.row;
