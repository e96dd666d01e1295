-- Reading and writing rows of the audit trail. {g} is the suffix of a generation, or nothing for the views.

-- name: columns
-- A whole row `a`, its private values as a JSON array; business objects and persons are among them.
SELECT a.position, a.id::text AS id, a.type, a.stream, a.workspace, a.time, a.occurred, a.actor, a.actor_kind, a.via,
    a.credential, a.on_behalf_of, a.session, a.request, a.cause::text AS cause, a.outcome, a.decision, a.file, a.mode,
    a.purge, a.hold, a.link, a.operation, a.code, a.count, a.bytes, a.first, a.last, a.sha256,
    a.path, a.details, a.address, a.client_request, a.user_agent, a.reason,
    (SELECT coalesce(json_agg(json_build_array(v.field, coalesce(to_jsonb(v.text), v.json)) ORDER BY v.field), '[]')
     FROM provenstore_read.audit_value{g} v WHERE v.position = a.position) AS values

-- name: by_position
-- The rows of these events, after `columns`.
FROM provenstore_read.audit_trail{g} a WHERE a.position = ANY(%(positions)s::bigint[]);

-- name: insert
-- All rows of a batch at once, as one JSON array; absent members are null.
INSERT INTO provenstore_read.audit_trail{g} (
    position, time, occurred, bytes, first, last, count, id, cause, type, stream, workspace, actor, actor_kind, via,
    credential, on_behalf_of, session, request, outcome, decision, file, mode, purge, hold, link, operation, code,
    sha256, path, details, address, client_request, user_agent, reason
)
SELECT position, time, occurred, bytes, first, last, count, id, cause, type, stream, workspace, actor, actor_kind, via,
    credential, on_behalf_of, session, request, outcome, decision, file, mode, purge, hold, link, operation, code,
    sha256, path, details, address, client_request, user_agent, reason
FROM json_populate_recordset(NULL::provenstore_read.audit_trail{g}, %(rows)s::json);

-- name: insert_related
-- The business objects that those events gave to files.
INSERT INTO provenstore_read.audit_related{g} (position, ordinal, workspace, file, type, id)
SELECT position, ordinal, workspace, file, type, id
FROM json_populate_recordset(NULL::provenstore_read.audit_related{g}, %(rows)s::json);

-- name: insert_subjects
-- The persons that those events said files to be about.
INSERT INTO provenstore_read.audit_subject{g} (position, ordinal, workspace, file, subject)
SELECT position, ordinal, workspace, file, subject
FROM json_populate_recordset(NULL::provenstore_read.audit_subject{g}, %(rows)s::json);

-- name: insert_values
-- All other private values of those events.
INSERT INTO provenstore_read.audit_value{g} (position, workspace, file, field, text, json)
SELECT position, workspace, file, field, text, json
FROM json_populate_recordset(NULL::provenstore_read.audit_value{g}, %(rows)s::json);

-- name: forget_value
-- Erased: a private value that has no column.
UPDATE provenstore_read.audit_value{g} SET text = NULL, json = NULL
WHERE position = ANY(%(positions)s::bigint[]) AND field = %(field)s;

-- name: forget_client_request
-- Erased: how the client called its request.
UPDATE provenstore_read.audit_trail{g} SET client_request = NULL WHERE position = ANY(%(positions)s::bigint[]);

-- name: forget_address
-- Erased: from where.
UPDATE provenstore_read.audit_trail{g} SET address = NULL WHERE position = ANY(%(positions)s::bigint[]);

-- name: forget_user_agent
-- Erased: with what.
UPDATE provenstore_read.audit_trail{g} SET user_agent = NULL WHERE position = ANY(%(positions)s::bigint[]);

-- name: forget_reason
-- Erased: why.
UPDATE provenstore_read.audit_trail{g} SET reason = NULL WHERE position = ANY(%(positions)s::bigint[]);

-- name: forget_related
-- Erased: the business objects of a file.
DELETE FROM provenstore_read.audit_related{g} WHERE position = ANY(%(positions)s::bigint[]);

-- name: forget_subjects
-- Erased: whom a file is about.
DELETE FROM provenstore_read.audit_subject{g} WHERE position = ANY(%(positions)s::bigint[]);
