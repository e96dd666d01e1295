-- Conditions on `f`, a row of the file index; each is added only when it is asked for, so that every list gets a plan
-- of its own. Columns are compared with plain operators, which row-level security lets an index serve.

-- name: scope
-- Bind this transaction to a workspace (row-level security) and to UTC.
SELECT set_config('provenstore.workspace', %(workspace)s, true), set_config('timezone', 'UTC', true);

-- name: workspaces
-- Files of these workspaces.
AND f.workspace = ANY(%(workspaces)s)

-- name: category
-- Files of a category.
AND f.category = %(category)s

-- name: variant
-- Files of a variant.
AND f.variant = %(variant)s

-- name: status
-- Files in a status.
AND f.status = %(status)s

-- name: filename
-- Files of exactly this name.
AND f.filename = %(filename)s

-- name: filename_prefix
-- Files whose names begin so; column and index compare bytes, so that a range is a prefix.
AND f.filename >= %(filename_prefix)s AND starts_with(f.filename, %(filename_prefix)s)

-- name: filename_prefix_end
-- The upper end of that range, for the index.
AND f.filename < %(filename_prefix_end)s

-- name: filename_contains
-- Files whose names contain this, letter by letter.
AND strpos(f.filename, %(filename_contains)s) > 0

-- name: media_type
-- Files of a media type.
AND f.media_type = %(media_type)s

-- name: min_size
-- Files of at least so many bytes.
AND f.size >= %(min_size)s

-- name: max_size
-- Files of at most so many bytes.
AND f.size <= %(max_size)s

-- name: keys_of
-- The API keys that an owner began files with; NULL is without one.
SELECT DISTINCT f.owner_credential FROM provenstore_read.file_index f
WHERE f.owner = %(owner)s AND (%(workspace)s::text IS NULL OR f.workspace = %(workspace)s);

-- name: owner_as_shown
-- Files of an owner by its id, by its keys, or by its id where it acted without a key.
AND (f.owner = %(owner)s OR f.owner_credential = ANY(%(owner_keys)s::text[])
     OR (f.owner = ANY(%(owner_without_key)s::text[]) AND f.owner_credential IS NULL))

-- name: owner
-- Files of an owner.
AND f.owner = %(owner)s

-- name: related_type
-- Files that belong to business objects of a type.
AND EXISTS (
    SELECT FROM provenstore_read.file_index_related r
    WHERE r.file = f.id AND r.workspace = f.workspace AND r.type = %(related_type)s
)

-- name: related_id
-- Files that belong to a business object.
AND EXISTS (
    SELECT FROM provenstore_read.file_index_related r
    WHERE r.file = f.id AND r.workspace = f.workspace
      AND r.id_hash = hashtextextended(%(related_id)s, 0) AND r.id = %(related_id)s
      AND (%(related_type)s::text IS NULL OR r.type = %(related_type)s)
)

-- name: subject
-- Files about a person.
AND EXISTS (
    SELECT FROM provenstore_read.file_index_subject s
    WHERE s.file = f.id AND s.workspace = f.workspace
      AND s.subject_hash = hashtextextended(%(subject)s, 0) AND s.subject = %(subject)s
)

-- name: metadata_key
-- Files that carry a metadata key.
AND EXISTS (
    SELECT FROM provenstore_read.file_index_metadata m
    WHERE m.file = f.id AND m.workspace = f.workspace
      AND m.key_hash = hashtextextended(%(metadata_key)s, 0) AND m.key = %(metadata_key)s
)

-- name: metadata_value
-- Files that carry this value under a metadata key.
AND EXISTS (
    SELECT FROM provenstore_read.file_index_metadata m
    WHERE m.file = f.id AND m.workspace = f.workspace
      AND m.key_hash = hashtextextended(%(metadata_key)s, 0) AND m.key = %(metadata_key)s
      AND m.value_hash = hashtextextended(%(metadata_value)s, 0) AND m.value = %(metadata_value)s
)

-- name: held
-- Files under a legal hold, or under none.
AND (f.holds > 0) = %(held)s

-- name: under_hold
-- The same of files under a legal hold, in the form that their index knows.
AND f.holds > 0

-- name: created_from
-- Files created at or after a moment.
AND f.created_at >= %(created_from)s

-- name: created_before
-- Files created before a moment.
AND f.created_at < %(created_before)s

-- name: stored_from
-- Files stored at or after a moment.
AND f.stored_at >= %(stored_from)s

-- name: stored_before
-- Files stored before a moment.
AND f.stored_at < %(stored_before)s

-- name: deleted_from
-- Files deleted, or expired, at or after a moment.
AND f.deleted_at >= %(deleted_from)s

-- name: deleted_before
-- Files deleted, or expired, before a moment.
AND f.deleted_at < %(deleted_before)s

-- name: expires_from
-- Files that expire at or after a moment.
AND f.expires_at >= %(expires_from)s

-- name: expires_before
-- Files that expire before a moment.
AND f.expires_at < %(expires_before)s

-- name: retained_until
-- Files whose retention lasts at least until a moment.
AND f.retention_until >= %(retained_until)s

-- name: unretained_at
-- Files that no retention keeps from being purged at a moment.
AND (f.retention_until IS NULL OR f.retention_until <= %(unretained_at)s)

-- name: retention_mode
-- Files whose retention is of a mode.
AND f.retention_mode = %(retention_mode)s

-- name: older
-- Files created before the last one of the previous page.
AND f.created_position < %(older)s

-- name: page
-- Newest first: files that come while somebody turns pages never move the ones to come.
ORDER BY f.created_position DESC
LIMIT %(limit)s;
