-- Calls to object stores: figures, kept beside the log by the runner's role. Nothing private, nothing that proves
-- anything, nothing that cannot be lost.

-- name: create
-- One row per call, and one per gap of calls that were not kept.
CREATE TABLE IF NOT EXISTS provenstore_read.store_call (
    provider      text COLLATE "C" NOT NULL,
    act           text COLLATE "C" NOT NULL,
    started_at    timestamptz NOT NULL,
    microseconds  bigint NOT NULL CHECK (microseconds >= 0),
    bytes         bigint NOT NULL CHECK (bytes >= 0),
    outcome       text COLLATE "C" NOT NULL CHECK (outcome IN ('ok', 'refused', 'failed')),
    status        text COLLATE "C" NOT NULL,
    request       text COLLATE "C",
    store_request text COLLATE "C"
);
CREATE INDEX IF NOT EXISTS store_call_figures ON provenstore_read.store_call (provider, act, started_at)
    INCLUDE (microseconds, bytes, outcome);
CREATE INDEX IF NOT EXISTS store_call_newest ON provenstore_read.store_call (started_at);
CREATE INDEX IF NOT EXISTS store_call_request ON provenstore_read.store_call (request) WHERE request IS NOT NULL;
CREATE TABLE IF NOT EXISTS provenstore_read.store_call_gap (
    noticed_at timestamptz PRIMARY KEY,
    calls      bigint NOT NULL CHECK (calls > 0)
);

-- name: keep
-- A batch of calls, a column each.
INSERT INTO provenstore_read.store_call
    (provider, act, started_at, microseconds, bytes, outcome, status, request, store_request)
SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],
    %s::text[], %s::text[]);

-- name: gap
-- So many calls were not kept, until now.
INSERT INTO provenstore_read.store_call_gap (noticed_at, calls) VALUES (%(now)s, %(calls)s)
ON CONFLICT (noticed_at) DO UPDATE SET calls = store_call_gap.calls + excluded.calls;

-- name: figures
-- By provider and act: each pair is found by a step in the index, and its range of time read from the index alone.
WITH RECURSIVE pair (provider, act) AS (
    (SELECT provider, act FROM provenstore_read.store_call ORDER BY provider, act LIMIT 1)
    UNION ALL
    SELECT following.provider, following.act
    FROM pair CROSS JOIN LATERAL (
        SELECT c.provider, c.act FROM provenstore_read.store_call c
        WHERE (c.provider, c.act) > (pair.provider, pair.act)
        ORDER BY c.provider, c.act LIMIT 1
    ) following
)
SELECT pair.provider, pair.act, found.*
FROM pair CROSS JOIN LATERAL (
    SELECT count(*) AS calls,
        count(*) FILTER (WHERE c.outcome = 'refused') AS refused,
        count(*) FILTER (WHERE c.outcome = 'failed') AS failed,
        coalesce(sum(c.bytes), 0)::bigint AS bytes,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY c.microseconds) AS p50,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY c.microseconds) AS p95
    FROM provenstore_read.store_call c
    WHERE c.provider = pair.provider AND c.act = pair.act
        AND c.started_at >= %(since)s AND c.started_at < %(before)s
) found
WHERE found.calls > 0 AND (%(provider)s::text IS NULL OR pair.provider = %(provider)s)
    AND (%(act)s::text IS NULL OR pair.act = %(act)s)
ORDER BY pair.provider, pair.act;

-- name: missing
-- How many calls of a time were not kept, as far as was noticed.
SELECT coalesce(sum(calls), 0)::bigint FROM provenstore_read.store_call_gap
WHERE noticed_at >= %(since)s AND noticed_at < %(before)s;

-- name: newest
-- Single calls, newest first.
SELECT provider, act, started_at, microseconds, bytes, outcome, status, request, store_request
FROM provenstore_read.store_call
WHERE started_at >= %(since)s AND started_at < %(before)s
    AND (%(provider)s::text IS NULL OR provider = %(provider)s)
    AND (%(act)s::text IS NULL OR act = %(act)s)
    AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
    AND (%(request)s::text IS NULL OR request = %(request)s)
ORDER BY started_at DESC, provider, act
LIMIT %(limit)s;

-- name: prune
-- Some of the calls that began before a moment, oldest first: no more at once than one short transaction takes.
DELETE FROM provenstore_read.store_call
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM provenstore_read.store_call WHERE started_at < %(before)s ORDER BY started_at LIMIT %(limit)s
));

-- name: prune_gaps
-- And the gaps of before it.
DELETE FROM provenstore_read.store_call_gap WHERE noticed_at < %(before)s;
