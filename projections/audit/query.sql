-- Officers' questions of the audit trail. `columns` of audit_trail.sql comes first, then one of the sources, then the
-- conditions on `a` that are asked, then an order. Every source lets one index find the newest rows without a sort.
-- Values that have an index of their own stand in a subselect: a planner that knows how often somebody occurs would walk
-- the positions instead, and walk all of them where somebody who is busy otherwise was not in the range that is asked.

-- name: scope
-- Bind this transaction to a workspace (row-level security) and to UTC.
SELECT set_config('provenstore.workspace', %(workspace)s, true), set_config('timezone', 'UTC', true);

-- name: beside
-- What other events of its workspace say: the file's name now and then, what private values were replaced, and the
-- hold's name and matter. A refusal may name a file of another workspace, of which nothing may be told here.
    , (SELECT f.filename FROM provenstore_read.file_index f WHERE f.id = a.file AND f.workspace = a.workspace) AS filename
    , (SELECT n.text FROM provenstore_read.audit_value n
       WHERE n.file = a.file AND n.workspace = a.workspace AND n.field = 'filename' AND n.position <= a.position
       ORDER BY n.position DESC LIMIT 1) AS filename_then
    , CASE WHEN a.type = ANY(%(replacing)s::text[]) THEN (
          SELECT json_object_agg(v.field, (
              SELECT coalesce(to_jsonb(w.text), w.json) FROM provenstore_read.audit_value w
              WHERE w.file = v.file AND w.field = v.field AND w.position < v.position
              ORDER BY w.position DESC LIMIT 1))
          FROM provenstore_read.audit_value v WHERE v.position = a.position
      ) END AS was
    , CASE WHEN a.hold IS NOT NULL THEN (
          SELECT json_object_agg(v.field, v.text)
          FROM provenstore_read.audit_trail p JOIN provenstore_read.audit_value v ON v.position = p.position
          WHERE p.hold = a.hold AND p.file = a.file AND p.workspace = a.workspace AND v.field IN ('name', 'matter')
      ) END AS held

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
    AND (%(workspace)s::text IS NULL OR r.workspace = %(workspace)s)

-- name: files_of_subject
-- Files that were ever about a person, as far as that has not been erased.
SELECT s.file FROM provenstore_read.audit_subject s
WHERE s.subject_hash = hashtextextended(%(subject)s, 0) AND s.subject = %(subject)s
    AND (%(workspace)s::text IS NULL OR s.workspace = %(workspace)s)

-- name: files_of_matter
-- Files that were ever held for a matter, as far as that has not been erased.
SELECT v.file FROM provenstore_read.audit_value v
WHERE v.field = 'matter' AND v.text = %(matter)s
    AND (%(workspace)s::text IS NULL OR v.workspace = %(workspace)s)

-- name: files_of_filename
-- Files that were ever called so, as far as that has not been erased.
SELECT v.file FROM provenstore_read.audit_value v
WHERE v.field = 'filename' AND v.text = %(filename)s
    AND (%(workspace)s::text IS NULL OR v.workspace = %(workspace)s)

-- name: files_of_filename_prefix
-- Files whose names ever began so; column and index compare bytes, so that a range is a prefix.
SELECT v.file FROM provenstore_read.audit_value v
WHERE v.field = 'filename' AND v.text >= %(filename_prefix)s AND starts_with(v.text, %(filename_prefix)s)
    AND (%(filename_prefix_end)s::text IS NULL OR v.text < %(filename_prefix_end)s)
    AND (%(workspace)s::text IS NULL OR v.workspace = %(workspace)s)

-- name: files_of_filename_contains
-- Files whose names ever held a text; no index serves this under row-level security, so it walks all names.
SELECT v.file FROM provenstore_read.audit_value v
WHERE v.field = 'filename' AND strpos(v.text, %(filename_contains)s) > 0
    AND (%(workspace)s::text IS NULL OR v.workspace = %(workspace)s)

-- name: files_of_sha256
-- Files that ever had this content.
SELECT t.file FROM provenstore_read.audit_trail t
WHERE t.sha256 = %(sha256)s
    AND (%(workspace)s::text IS NULL OR t.workspace = %(workspace)s)

-- name: files_of_path_prefix
-- Files that are or were stored under paths that begin so.
SELECT t.file FROM provenstore_read.audit_trail t
WHERE t.path >= %(path_prefix)s AND starts_with(t.path, %(path_prefix)s)
    AND (%(path_prefix_end)s::text IS NULL OR t.path < %(path_prefix_end)s)
    AND (%(workspace)s::text IS NULL OR t.workspace = %(workspace)s)

-- name: equals
-- Events with this in a column.
AND a.{column} = (SELECT %({name})s::{kind})

-- name: differs
-- Events without any of these in a column.
AND (a.{column} = ANY(%({name})s::{kind}[])) IS NOT TRUE

-- name: keys_of
-- The API keys that an actor has acted with; NULL is without one.
SELECT DISTINCT t.credential FROM provenstore_read.audit_trail t
WHERE t.actor = %(actor)s AND (%(workspace)s::text IS NULL OR t.workspace = %(workspace)s);

-- name: of_actors
-- Events of actors by their ids, by their keys, or by their ids where they acted without a key.
AND (a.actor = ANY(%({name})s::text[]) OR a.credential = ANY(%({name}_keys)s::text[])
     OR (a.actor = ANY(%({name}_without_key)s::text[]) AND a.credential IS NULL))

-- name: differs_from_actors
-- Events of none of these.
AND (a.actor = ANY(%({name})s::text[]) OR a.credential = ANY(%({name}_keys)s::text[])
     OR (a.actor = ANY(%({name}_without_key)s::text[]) AND a.credential IS NULL)) IS NOT TRUE

-- name: not_of_files
-- Events of no file that {finder} finds.
AND (a.file = ANY(ARRAY({finder}))) IS NOT TRUE

-- name: types
-- Events of these types.
AND a.type = ANY(%(types)s::text[])

-- name: not_type
-- Events of none of these types.
AND a.type <> ALL(%(not_type)s::text[])

-- name: modes
-- Accesses in these modes, and all that is no access.
AND (a.mode IS NULL OR a.mode = ANY(%(modes)s::text[]))

-- name: not_action
-- Events of none of these types, but of accesses only those in these modes.
AND (a.type = ANY(%(not_action)s::text[])
     AND (a.mode IS NULL OR a.mode = ANY(%(not_modes)s::text[]))) IS NOT TRUE

-- name: address
-- What came from an address.
AND a.address_hash = (SELECT hashtextextended(%(address)s, 0)) AND a.address = %(address)s

-- name: not_address
-- What came from none of these addresses.
AND (a.address = ANY(%(not_address)s::text[])) IS NOT TRUE

-- name: outcome
-- What was done, denied, or failed.
AND a.outcome = %(outcome)s

-- name: not_outcome
-- What ended otherwise.
AND a.outcome <> ALL(%(not_outcome)s::text[])

-- name: decision
-- What was decided by a rule, in this version of it where one is named.
AND a.rule = (SELECT %(rule)s::text) AND (%(version)s::text IS NULL OR a.decision = %(version)s)

-- name: not_decision
-- What was decided otherwise, or not decided.
AND (a.rule = ANY(%(not_rules)s::text[]) OR a.decision = ANY(%(not_versions)s::text[])) IS NOT TRUE

-- name: link
-- A link's issue and its uses, of which older ones name only the event that issued it.
AND (a.link = (SELECT %(link)s::text) OR a.cause = ANY(ARRAY(
    SELECT l.id FROM provenstore_read.audit_trail l WHERE l.link = %(link)s AND l.type = 'file.link_issued.v1')))

-- name: not_link
-- Everything but a link's issue and its uses.
AND (a.link = ANY(%(not_link)s::text[]) OR a.cause = ANY(ARRAY(
    SELECT l.id FROM provenstore_read.audit_trail l
    WHERE l.link = ANY(%(not_link)s::text[]) AND l.type = 'file.link_issued.v1'))) IS NOT TRUE

-- name: ids
-- The lowest and the highest id in a column that begin so: the same one where there is but one. Both ends of an index.
SELECT DISTINCT found.id FROM unnest(%(prefixes)s::text[]) p (prefix)
CROSS JOIN LATERAL (
    SELECT min(a.{column}) AS lowest, max(a.{column}) AS highest FROM provenstore_read.audit_trail a
    WHERE a.{column} >= p.prefix AND a.{column} < p.prefix || 'g'
        AND (%(workspace)s::text IS NULL OR a.workspace = %(workspace)s)
        AND (%(file)s::text IS NULL OR a.file = %(file)s)
) ends
CROSS JOIN LATERAL (VALUES (ends.lowest), (ends.highest)) found (id)
WHERE found.id IS NOT NULL
ORDER BY found.id LIMIT 2

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
