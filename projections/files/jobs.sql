-- The background work. What is left to be done for a file follows from its row alone; only what trying came to is kept
-- here, by the runner's role: codes and times, nothing private, and nothing that cannot be lost.

-- name: create
-- One row per job that did not succeed when it was last tried.
CREATE TABLE IF NOT EXISTS provenstore_read.job_attempt (
    file      text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    attempts  integer NOT NULL CHECK (attempts > 0),
    last_code text NOT NULL,
    last_at   timestamptz NOT NULL,
    next_at   timestamptz NOT NULL,
    PRIMARY KEY (file, kind)
);

-- name: jobs
-- All jobs due by %(until)s, before any statement below. A file's kinds are numbered in the order in which they are
-- done. Held is held back; an approved purge and an expiry wait for the end of a retention, a started purge does not.
-- An approval that is too old at %(now)s, or will be when the retention ends, carries nothing; a disposal policy does not
-- age. What is deleted or expired is disposed of under %(terms)s, the policies in force, unless somebody decides about it,
-- something keeps it, or its content was found damaged.
WITH job AS (
    SELECT f.id AS file, f.workspace, f.created_position AS position, 1 AS ordinal, 'complete' AS kind,
        f.pending_since + %(grace)s AS due_at
    FROM provenstore_read.file_index f
    WHERE f.pending = 'complete'
    UNION ALL
    SELECT f.id, f.workspace, f.created_position, 2, 'clear', f.pending_since
    FROM provenstore_read.file_index f
    WHERE f.pending = 'clear'
    UNION ALL
    SELECT f.id, f.workspace, f.created_position, 3, 'purge', f.pending_since
    FROM provenstore_read.file_index f
    WHERE f.pending = 'purge' AND f.disposal IN ('purging', 'failed')
    UNION ALL
    SELECT f.id, f.workspace, f.created_position, 3, 'purge', greatest(f.pending_since, f.retention_until)
    FROM provenstore_read.file_index f
    WHERE f.pending = 'purge' AND f.disposal = 'approved' AND f.holds = 0
        AND (f.purge_policy IS NOT NULL
            OR greatest(%(now)s, f.retention_until) <= f.pending_since + %(approval)s)
    UNION ALL
    SELECT f.id, f.workspace, f.created_position, 4, 'expire', f.upload_expires_at
    FROM provenstore_read.file_index f
    WHERE f.status = 'initiated' AND f.upload_expires_at <= %(until)s AND f.pending IS NULL AND f.holds = 0
    UNION ALL
    SELECT f.id, f.workspace, f.created_position, 4, 'expire', greatest(f.expires_at, f.retention_until)
    FROM provenstore_read.file_index f
    WHERE f.status = 'stored' AND f.expires_at <= %(until)s AND f.holds = 0
    UNION ALL
    SELECT f.id, f.workspace, f.created_position, 5, 'look_again', f.look_after
    FROM provenstore_read.file_index f
    WHERE f.look_after <= %(until)s AND (f.looked_after IS NULL OR f.looked_after < f.look_after)
        AND f.status <> 'initiated' AND f.pending IS NULL
    UNION ALL
    SELECT f.id, f.workspace, f.created_position, 6, 'verify', f.stored_at
    FROM provenstore_read.file_index f
    WHERE f.status = 'stored' AND f.sha256_status <> 'verified' AND f.damage IS NULL
    UNION ALL
    SELECT f.id, f.workspace, f.created_position, 7, 'dispose',
        greatest(f.disposal_since + t.days * interval '24 hours', t.not_before, f.retention_until)
    FROM json_to_recordset(%(terms)s::json) AS t (workspace text, category text, days integer, not_before timestamptz)
    JOIN provenstore_read.file_index f ON f.workspace = t.workspace AND f.category = t.category
    WHERE f.status IN ('soft_deleted', 'expired') AND f.stored_at IS NOT NULL
        AND f.disposal_since <= %(until)s::timestamptz - t.days * interval '24 hours'
        AND f.disposal IS NULL AND f.holds = 0 AND f.damage IS NULL
)

-- name: list
-- A page of them, oldest files first, with what trying came to; none that is to be left alone until after %(ready)s.
SELECT job.file, job.workspace, job.kind, job.due_at, job.position, job.ordinal, coalesce(a.attempts, 0) AS attempts,
    a.last_code, a.last_at, greatest(job.due_at, a.next_at) AS next_at
FROM job LEFT JOIN provenstore_read.job_attempt a ON a.file = job.file AND a.kind = job.kind
WHERE job.due_at <= %(until)s
    AND job.kind = ANY(%(kinds)s)
    AND (%(workspace)s::text IS NULL OR job.workspace = %(workspace)s)
    AND (%(file)s::text IS NULL OR job.file = %(file)s)
    AND (job.position, job.ordinal) > (%(position)s, %(ordinal)s)
    AND (%(ready)s::timestamptz IS NULL OR a.next_at IS NULL OR a.next_at <= %(ready)s)
ORDER BY job.position, job.ordinal
LIMIT %(limit)s;

-- name: forget
-- What trying came to is forgotten once there is no such job any more, however it ended. OFFSET 0 lets each of these few
-- rows look for its file by the key; as a join, all jobs that there will ever be would be gone through.
DELETE FROM provenstore_read.job_attempt a
WHERE NOT EXISTS (SELECT FROM job WHERE job.file = a.file AND job.kind = a.kind OFFSET 0);

-- name: failed
-- One more attempt in vain.
INSERT INTO provenstore_read.job_attempt (file, kind, attempts, last_code, last_at, next_at)
VALUES (%(file)s, %(kind)s, 1, %(code)s, %(now)s, %(next_at)s)
ON CONFLICT (file, kind) DO UPDATE
SET attempts = job_attempt.attempts + 1, last_code = excluded.last_code, last_at = excluded.last_at,
    next_at = excluded.next_at;

-- name: hurry
-- The job is tried as soon as somebody comes to it.
UPDATE provenstore_read.job_attempt SET next_at = %(now)s
WHERE file = %(file)s AND kind = ANY(%(kinds)s) AND next_at > %(now)s;

-- name: done
-- The job succeeded, or there was nothing to do for it.
DELETE FROM provenstore_read.job_attempt WHERE file = %(file)s AND kind = %(kind)s;
