-- The tables of one generation of the audit trail; {g} is its suffix. Rows are only ever added, so each index ends in
-- the position and answers "newest first" without a sort; there are as few of them as answer what officers ask. Under
-- row-level security an index serves none but leakproof operators: plain columns, and hashes of values of any length.

-- name: audit_trail
-- One row per event. Widest last: most events have none of the private texts.
CREATE TABLE provenstore_read.audit_trail{g} (
    position     bigint PRIMARY KEY,
    time         timestamptz NOT NULL,
    occurred     timestamptz,
    bytes        bigint,
    first        bigint,
    last         bigint,
    count        bigint,
    id           uuid NOT NULL,
    cause        uuid,
    type         text COLLATE "C" NOT NULL,
    stream       text COLLATE "C" NOT NULL,
    workspace    text COLLATE "C" NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    actor_kind   text NOT NULL,
    via          text NOT NULL,
    credential   text COLLATE "C",
    on_behalf_of text COLLATE "C",
    session      text COLLATE "C",
    request      text COLLATE "C",
    outcome      text COLLATE "C" NOT NULL,
    decision     text COLLATE "C",
    file         text COLLATE "C",
    mode         text COLLATE "C",
    purge        text COLLATE "C",
    hold         text COLLATE "C",
    link         text COLLATE "C",
    operation    text,
    code         text COLLATE "C",
    sha256       text COLLATE "C",
    path         text COLLATE "C",
    details      jsonb,
    address      text COLLATE "C",
    client_request text COLLATE "C",
    user_agent   text,
    reason       text,
    address_hash bigint GENERATED ALWAYS AS (hashtextextended(address, 0)) STORED,
    rule         text COLLATE "C" GENERATED ALWAYS AS (split_part(decision, '/', 1)) STORED
);
CREATE INDEX ON provenstore_read.audit_trail{g} (time, position);  -- turns times into positions; always grows at its end
CREATE INDEX ON provenstore_read.audit_trail{g} (workspace, position);
CREATE INDEX ON provenstore_read.audit_trail{g} (type, position);
CREATE INDEX ON provenstore_read.audit_trail{g} (actor, position);
CREATE INDEX ON provenstore_read.audit_trail{g} (credential, position) WHERE credential IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (file, position) WHERE file IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (address_hash, position) WHERE address_hash IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (outcome, position) WHERE outcome <> 'ok';
CREATE INDEX ON provenstore_read.audit_trail{g} (request, position) WHERE request IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (client_request, position) WHERE client_request IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (session, position) WHERE session IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (on_behalf_of, position) WHERE on_behalf_of IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (cause, position) WHERE cause IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (rule, position) WHERE rule IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (code, position) WHERE code IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (purge, position) WHERE purge IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (hold, position) WHERE hold IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (link, position) WHERE link IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_trail{g} (path, workspace) WHERE path IS NOT NULL;

-- name: audit_related
-- One row per business object that an event gave to a file, in the order given.
CREATE TABLE provenstore_read.audit_related{g} (
    position  bigint NOT NULL,
    ordinal   integer NOT NULL,
    workspace text COLLATE "C" NOT NULL,
    file      text COLLATE "C" NOT NULL,
    type      text COLLATE "C" NOT NULL,
    id        text COLLATE "C" NOT NULL,
    id_hash   bigint GENERATED ALWAYS AS (hashtextextended(id, 0)) STORED,
    PRIMARY KEY (position, ordinal)
);
CREATE INDEX ON provenstore_read.audit_related{g} (id_hash);

-- name: audit_subject
-- One row per person that an event said a file to be about, in the order given.
CREATE TABLE provenstore_read.audit_subject{g} (
    position     bigint NOT NULL,
    ordinal      integer NOT NULL,
    workspace    text COLLATE "C" NOT NULL,
    file         text COLLATE "C" NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    subject_hash bigint GENERATED ALWAYS AS (hashtextextended(subject, 0)) STORED,
    PRIMARY KEY (position, ordinal)
);
CREATE INDEX ON provenstore_read.audit_subject{g} (subject_hash);

-- name: audit_value
-- One row per private value that an event has and the trail has no column for: text, or JSON for all else. Neither once
-- it is erased: the row stays, so that no earlier value is taken for the one of then.
CREATE TABLE provenstore_read.audit_value{g} (
    position  bigint NOT NULL,
    workspace text COLLATE "C" NOT NULL,
    file      text COLLATE "C",
    field     text COLLATE "C" NOT NULL,
    text      text COLLATE "C",
    json      jsonb,
    PRIMARY KEY (position, field)
);
CREATE INDEX ON provenstore_read.audit_value{g} (file, field, position) WHERE file IS NOT NULL;
CREATE INDEX ON provenstore_read.audit_value{g} (field, text) WHERE field IN ('filename', 'matter');
