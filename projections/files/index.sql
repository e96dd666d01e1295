-- Reading and writing rows of the file index. {g} is the suffix of a generation, or nothing for the views.

-- name: select
-- Whole rows, children as JSON arrays; a condition on `f` follows.
SELECT f.id, f.workspace, f.created_position, f.version, f.filename, f.size, f.media_type, f.category, f.variant,
    f.status, f.disposal, f.purge, f.pending, f.pending_since, f.provider, f.path, f.extension, f.upload, f.sha256, f.sha256_status,
    f.md5, f.etag, f.object_version, f.access, f.owner, f.created_at, f.stored_at, f.deleted_at, f.disposal_since,
    f.expires_at, f.upload_expires_at, f.look_after, f.looked_after, f.verified_at, f.damage, f.retention_until, f.retention_mode,
    f.downloads, f.last_access, f.deleted_by, f.deletion_reason, f.retention_wish_until, f.retention_wish_mode,
    f.retention_wish_by, f.retention_wish_at, f.purge_requested_by, f.purge_requested_at, f.purge_reason,
    f.purge_approved_by, f.purge_approved_at, f.purge_policy, f.purge_requested_by_credential,
    f.purge_approved_by_credential, f.purge_approval_reason, f.owner_credential, f.deleted_by_credential,
    f.retention_set_by, f.retention_set_by_credential, f.retention_set_at, f.retention_reason,
    f.retention_wish_by_credential, f.retention_wish_reason,
    (SELECT coalesce(json_agg(json_build_array(m.key, m.value) ORDER BY m.key), '[]')
     FROM provenstore_read.file_index_metadata{g} m WHERE m.file = f.id) AS metadata,
    (SELECT coalesce(json_agg(json_build_array(r.type, r.id) ORDER BY r.ordinal), '[]')
     FROM provenstore_read.file_index_related{g} r WHERE r.file = f.id) AS related,
    (SELECT coalesce(json_agg(s.subject ORDER BY s.ordinal), '[]')
     FROM provenstore_read.file_index_subject{g} s WHERE s.file = f.id) AS subjects,
    (SELECT coalesce(json_agg(json_build_array(h.id, h.name, h.matter, h.placed_by, h.placed_at, h.placed_by_credential,
                                               h.reason) ORDER BY h.ordinal), '[]')
     FROM provenstore_read.file_index_hold{g} h WHERE h.file = f.id) AS legal_holds
FROM provenstore_read.file_index{g} f
WHERE true

-- name: by_id
-- The rows that a batch may change.
AND f.id = ANY(%(ids)s);

-- name: upsert
-- All rows of a batch at once, as one JSON array.
INSERT INTO provenstore_read.file_index{g}
SELECT * FROM json_populate_recordset(NULL::provenstore_read.file_index{g}, %(rows)s::json)
ON CONFLICT (id) DO UPDATE SET
    version = excluded.version, filename = excluded.filename, size = excluded.size, status = excluded.status,
    disposal = excluded.disposal, purge = excluded.purge, pending = excluded.pending,
    pending_since = excluded.pending_since, sha256 = excluded.sha256,
    sha256_status = excluded.sha256_status, md5 = excluded.md5, etag = excluded.etag,
    object_version = excluded.object_version, access = excluded.access, stored_at = excluded.stored_at,
    deleted_at = excluded.deleted_at, disposal_since = excluded.disposal_since, expires_at = excluded.expires_at,
    retention_until = excluded.retention_until,
    retention_mode = excluded.retention_mode, holds = excluded.holds, downloads = excluded.downloads,
    last_access = excluded.last_access, look_after = excluded.look_after, looked_after = excluded.looked_after,
    verified_at = excluded.verified_at, damage = excluded.damage,
    deleted_by = excluded.deleted_by, deletion_reason = excluded.deletion_reason,
    retention_wish_until = excluded.retention_wish_until, retention_wish_mode = excluded.retention_wish_mode,
    retention_wish_by = excluded.retention_wish_by, retention_wish_at = excluded.retention_wish_at,
    purge_requested_by = excluded.purge_requested_by, purge_requested_at = excluded.purge_requested_at,
    purge_reason = excluded.purge_reason, purge_approved_by = excluded.purge_approved_by,
    purge_approved_at = excluded.purge_approved_at, purge_policy = excluded.purge_policy,
    purge_requested_by_credential = excluded.purge_requested_by_credential,
    purge_approved_by_credential = excluded.purge_approved_by_credential,
    purge_approval_reason = excluded.purge_approval_reason,
    deleted_by_credential = excluded.deleted_by_credential, retention_set_by = excluded.retention_set_by,
    retention_set_by_credential = excluded.retention_set_by_credential, retention_set_at = excluded.retention_set_at,
    retention_reason = excluded.retention_reason, retention_wish_reason = excluded.retention_wish_reason,
    retention_wish_by_credential = excluded.retention_wish_by_credential;

-- name: clear_metadata
-- Forget the metadata of files whose metadata changed.
DELETE FROM provenstore_read.file_index_metadata{g} WHERE file = ANY(%(ids)s);

-- name: clear_related
-- Forget the business objects of files whose business objects changed.
DELETE FROM provenstore_read.file_index_related{g} WHERE file = ANY(%(ids)s);

-- name: clear_subjects
-- Forget the subjects of files whose subjects changed.
DELETE FROM provenstore_read.file_index_subject{g} WHERE file = ANY(%(ids)s);

-- name: clear_legal_holds
-- Forget the holds of files whose holds changed.
DELETE FROM provenstore_read.file_index_hold{g} WHERE file = ANY(%(ids)s);

-- name: insert_metadata
-- What those files carry now.
INSERT INTO provenstore_read.file_index_metadata{g} (workspace, file, key, value)
SELECT workspace, file, key, value
FROM json_to_recordset(%(rows)s::json) AS r (workspace text, file text, key text, value text);

-- name: insert_related
-- What those files belong to now.
INSERT INTO provenstore_read.file_index_related{g} (workspace, file, ordinal, type, id)
SELECT workspace, file, ordinal, type, id
FROM json_to_recordset(%(rows)s::json) AS r (workspace text, file text, ordinal integer, type text, id text);

-- name: insert_subjects
-- Whom those files are about now.
INSERT INTO provenstore_read.file_index_subject{g} (workspace, file, ordinal, subject)
SELECT workspace, file, ordinal, subject
FROM json_to_recordset(%(rows)s::json) AS r (workspace text, file text, ordinal integer, subject text);

-- name: insert_legal_holds
-- The holds that stand now.
INSERT INTO provenstore_read.file_index_hold{g}
    (workspace, file, ordinal, id, name, matter, placed_by, placed_at, placed_by_credential, reason)
SELECT workspace, file, ordinal, id, name, matter, placed_by, placed_at, placed_by_credential, reason
FROM json_to_recordset(%(rows)s::json)
    AS r (workspace text, file text, ordinal integer, id text, name text, matter text, placed_by text,
          placed_at timestamptz, placed_by_credential text, reason text);
