-- Officers' questions of the audit trail. `columns` of audit_trail.sql comes first, then one of the sources, then the
-- conditions on `a` that are asked, then an order. Every source lets one index find the newest rows without a sort.
-- Values that have an index of their own stand in a subselect: a planner that knows how often somebody occurs would walk
-- the positions instead, and walk all of them where somebody who is busy otherwise was not in the range that is asked.

-- name: scope
-- Bind this transaction to a workspace (row-level security) and to UTC.
SELECT set_config('provenstore.workspace', %(workspace)s, true), set_config('timezone', 'UTC', true);

-- name: filename
-- What the file is called now, if it is known.
    , (SELECT f.filename FROM provenstore_read.file_index f WHERE f.id = a.file) AS filename

-- name: from_all
-- The source for what one index on events answers.
FROM provenstore_read.audit_trail a
WHERE true

-- name: from_types
-- The source for several types: the newest of each, found in the index of types.
FROM unnest(%(types)s::text[]) t (type)
CROSS JOIN LATERAL (
    SELECT * FROM provenstore_read.audit_trail a
    WHERE a.type = t.type

-- name: from_files
-- The source for business objects and persons: the newest of each of their files; {files} finds those.
FROM ({files}) f
CROSS JOIN LATERAL (
    SELECT * FROM provenstore_read.audit_trail a
    WHERE a.file = f.file

-- name: files_of_related
-- Files that ever belonged to a business object, as far as that has not been erased.
SELECT r.file FROM provenstore_read.audit_related r
WHERE r.id_hash = hashtextextended(%(related_id)s, 0) AND r.id = %(related_id)s
    AND (%(related_type)s::text IS NULL OR r.type = %(related_type)s)

-- name: files_of_subject
-- Files that were ever about a person, as far as that has not been erased.
SELECT s.file FROM provenstore_read.audit_subject s
WHERE s.subject_hash = hashtextextended(%(subject)s, 0) AND s.subject = %(subject)s

-- name: types
-- Events of these types.
AND a.type = ANY(%(types)s::text[])

-- name: modes
-- Accesses in these modes, and all that is no access.
AND (a.mode IS NULL OR a.mode = ANY(%(modes)s::text[]))

-- name: workspace
-- Events of a workspace.
AND a.workspace = (SELECT %(workspace)s::text)

-- name: file
-- Events of a file, all its streams, and who read its history.
AND a.file = (SELECT %(file)s::text)

-- name: actor
-- What somebody did.
AND a.actor = (SELECT %(actor)s::text)

-- name: on_behalf_of
-- What was done for somebody.
AND a.on_behalf_of = %(on_behalf_of)s

-- name: credential
-- What was done with a key.
AND a.credential = (SELECT %(credential)s::text)

-- name: address
-- What came from an address.
AND a.address_hash = (SELECT hashtextextended(%(address)s, 0)) AND a.address = %(address)s

-- name: outcome
-- What was done, denied, or failed.
AND a.outcome = %(outcome)s

-- name: time_from
-- Events recorded at or after a moment: a position, as times never go back.
AND a.position >= (
    SELECT t.position FROM provenstore_read.audit_trail t
    WHERE t.time >= %(time_from)s ORDER BY t.time, t.position LIMIT 1
)

-- name: time_before
-- Events recorded before a moment. The coalesce is inside: outside it is not held to be leakproof.
AND a.position < (
    SELECT coalesce((
        SELECT t.position FROM provenstore_read.audit_trail t
        WHERE t.time >= %(time_before)s ORDER BY t.time, t.position LIMIT 1
    ), 9223372036854775807)
)

-- name: older
-- Events before the last one of the previous page.
AND a.position < %(older)s

-- name: newer
-- Events after the last one of the previous page, oldest first.
AND a.position > %(newer)s

-- name: newest_first
-- A page, newest first: events that come while somebody turns pages never move the ones to come.
ORDER BY a.position DESC LIMIT %(limit)s

-- name: oldest_first
-- A page, oldest first: events that come while somebody turns pages come at the end.
ORDER BY a.position LIMIT %(limit)s
