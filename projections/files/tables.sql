-- The tables of one generation of the file index; {g} is its suffix. Plain columns and child tables only: under
-- row-level security an index serves none but leakproof operators. Values of any length are found by their hash, as
-- a B-tree entry may not be larger than a third of a page.

-- name: file_index
-- One row per file.
CREATE TABLE provenstore_read.file_index{g} (
    id                text COLLATE "C" PRIMARY KEY,
    workspace         text COLLATE "C" NOT NULL,
    created_position  bigint NOT NULL UNIQUE,
    version           bigint NOT NULL,
    filename          text COLLATE "C",
    size              bigint,
    media_type        text NOT NULL,
    category          text NOT NULL,
    variant           text NOT NULL,
    status            text NOT NULL,
    disposal          text,
    purge             text,
    pending           text,
    pending_since     timestamptz,
    provider          text NOT NULL,
    path              text NOT NULL,
    extension         text NOT NULL,
    upload            text NOT NULL,
    sha256            text,
    sha256_status     text NOT NULL,
    md5               text,
    etag              text,
    object_version    text,
    access            text NOT NULL,
    owner             text NOT NULL,
    created_at        timestamptz NOT NULL,
    stored_at         timestamptz,
    deleted_at        timestamptz,
    disposal_since    timestamptz,
    expires_at        timestamptz,
    upload_expires_at timestamptz NOT NULL,
    look_after        timestamptz,
    looked_after      timestamptz,
    verified_at       timestamptz,
    damage            text,
    retention_until   timestamptz,
    retention_mode    text,
    holds             integer NOT NULL,
    downloads         bigint NOT NULL,
    last_access       timestamptz,
    deleted_by text,
    deletion_reason text,
    retention_wish_until timestamptz,
    retention_wish_mode text,
    retention_wish_by text,
    retention_wish_at timestamptz,
    purge_requested_by text,
    purge_requested_at timestamptz,
    purge_reason text,
    purge_approved_by text,
    purge_approved_at timestamptz,
    purge_policy text,
    purge_requested_by_credential text,
    purge_approved_by_credential text,
    purge_approval_reason text,
    owner_credential text,
    deleted_by_credential text,
    retention_set_by text,
    retention_set_by_credential text,
    retention_set_at timestamptz,
    retention_reason text,
    retention_wish_by_credential text,
    retention_wish_reason text
) WITH (fillfactor = 85);  -- counting a download touches no indexed column, so it stays on its page
CREATE INDEX ON provenstore_read.file_index{g} (workspace, created_position);
CREATE INDEX ON provenstore_read.file_index{g} (workspace, filename);
CREATE INDEX ON provenstore_read.file_index{g} (workspace, owner, created_position);
CREATE INDEX ON provenstore_read.file_index{g} (workspace, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX ON provenstore_read.file_index{g} (workspace, retention_until) WHERE retention_until IS NOT NULL;
CREATE INDEX ON provenstore_read.file_index{g} (workspace, created_position) WHERE holds > 0;
CREATE INDEX ON provenstore_read.file_index{g} (expires_at) WHERE status = 'stored';
CREATE INDEX ON provenstore_read.file_index{g} (upload_expires_at) WHERE status = 'initiated';
CREATE INDEX ON provenstore_read.file_index{g} (created_position) WHERE pending IS NOT NULL;
CREATE INDEX ON provenstore_read.file_index{g} (look_after) WHERE looked_after IS NULL OR looked_after < look_after;
CREATE INDEX ON provenstore_read.file_index{g} (stored_at) WHERE status = 'stored' AND sha256_status <> 'verified';
CREATE INDEX ON provenstore_read.file_index{g} (workspace, category, disposal_since)
    WHERE status IN ('soft_deleted', 'expired') AND stored_at IS NOT NULL;

-- name: file_index_metadata
-- One row per file and metadata key.
CREATE TABLE provenstore_read.file_index_metadata{g} (
    workspace  text COLLATE "C" NOT NULL,
    file       text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL,
    key_hash   bigint GENERATED ALWAYS AS (hashtextextended(key, 0)) STORED,
    value_hash bigint GENERATED ALWAYS AS (hashtextextended(value, 0)) STORED
);
CREATE INDEX ON provenstore_read.file_index_metadata{g} (file);
CREATE INDEX ON provenstore_read.file_index_metadata{g} (workspace, key_hash, value_hash);

-- name: file_index_related
-- One row per file and business object, in the order given.
CREATE TABLE provenstore_read.file_index_related{g} (
    workspace text COLLATE "C" NOT NULL,
    file      text COLLATE "C" NOT NULL,
    ordinal   integer NOT NULL,
    type      text COLLATE "C" NOT NULL,
    id        text COLLATE "C" NOT NULL,
    id_hash   bigint GENERATED ALWAYS AS (hashtextextended(id, 0)) STORED
);
CREATE INDEX ON provenstore_read.file_index_related{g} (file);
CREATE INDEX ON provenstore_read.file_index_related{g} (workspace, id_hash);

-- name: file_index_subject
-- One row per file and person it is about, in the order given.
CREATE TABLE provenstore_read.file_index_subject{g} (
    workspace    text COLLATE "C" NOT NULL,
    file         text COLLATE "C" NOT NULL,
    ordinal      integer NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    subject_hash bigint GENERATED ALWAYS AS (hashtextextended(subject, 0)) STORED
);
CREATE INDEX ON provenstore_read.file_index_subject{g} (file);
CREATE INDEX ON provenstore_read.file_index_subject{g} (workspace, subject_hash);

-- name: file_index_hold
-- One row per file and standing legal hold, in the order placed.
CREATE TABLE provenstore_read.file_index_hold{g} (
    workspace text COLLATE "C" NOT NULL,
    file      text COLLATE "C" NOT NULL,
    ordinal   integer NOT NULL,
    id        text COLLATE "C" NOT NULL,
    name      text COLLATE "C",
    matter    text COLLATE "C",
    placed_by text NOT NULL,
    placed_at timestamptz NOT NULL,
    placed_by_credential text,
    reason    text COLLATE "C"
);
CREATE INDEX ON provenstore_read.file_index_hold{g} (file);
