-- Reading and writing rows of the usage. {g} is the suffix of a generation, or nothing for the views.

-- name: by_file
-- The rows that a batch may change.
SELECT u.file, u.workspace, u.owner, u.category, u.provider, u.state, u.bytes, u.month,
    (SELECT coalesce(json_agg(json_build_array(s.month, s.downloads, s.views, s.redirects, s.bytes) ORDER BY s.month),
                     '[]')
     FROM provenstore_read.usage_served{g} s WHERE s.file = u.file) AS served
FROM provenstore_read.usage_file{g} u
WHERE u.file = ANY(%(files)s::text[]);

-- name: upsert_files
-- The files of a batch at once, as one JSON array.
INSERT INTO provenstore_read.usage_file{g}
SELECT * FROM json_populate_recordset(NULL::provenstore_read.usage_file{g}, %(rows)s::json)
ON CONFLICT (file) DO UPDATE
SET workspace = excluded.workspace, owner = excluded.owner, category = excluded.category, provider = excluded.provider,
    state = excluded.state, bytes = excluded.bytes, month = excluded.month;

-- name: upsert_served
-- What was given out of them, in the months that changed.
INSERT INTO provenstore_read.usage_served{g}
SELECT * FROM json_populate_recordset(NULL::provenstore_read.usage_served{g}, %(rows)s::json)
ON CONFLICT (file, month) DO UPDATE
SET downloads = excluded.downloads, views = excluded.views, redirects = excluded.redirects, bytes = excluded.bytes;

-- name: add_sums
-- By how much the groups changed.
INSERT INTO provenstore_read.usage_sum{g} AS u
SELECT * FROM json_populate_recordset(NULL::provenstore_read.usage_sum{g}, %(rows)s::json)
ON CONFLICT (workspace, owner, category, provider, month) DO UPDATE
SET new_files = u.new_files + excluded.new_files, new_bytes = u.new_bytes + excluded.new_bytes,
    files = u.files + excluded.files, bytes = u.bytes + excluded.bytes,
    deleted_files = u.deleted_files + excluded.deleted_files, deleted_bytes = u.deleted_bytes + excluded.deleted_bytes,
    downloads = u.downloads + excluded.downloads, views = u.views + excluded.views,
    redirects = u.redirects + excluded.redirects, served_bytes = u.served_bytes + excluded.served_bytes;
