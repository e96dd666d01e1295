-- The tables of one generation of the usage; {g} is its suffix. Months are text such as 2026-11, in UTC.

-- name: usage_file
-- One row per file: what its sums are made of.
CREATE TABLE provenstore_read.usage_file{g} (
    file      text COLLATE "C" PRIMARY KEY,
    workspace text COLLATE "C" NOT NULL,
    owner     text COLLATE "C" NOT NULL,
    category  text COLLATE "C" NOT NULL,
    provider  text COLLATE "C" NOT NULL,
    state     text COLLATE "C" NOT NULL,
    bytes     bigint NOT NULL,
    month     text COLLATE "C"
) WITH (fillfactor = 85);

-- name: usage_served
-- One row per file and month in which it was given out.
CREATE TABLE provenstore_read.usage_served{g} (
    file      text COLLATE "C" NOT NULL,
    month     text COLLATE "C" NOT NULL,
    workspace text COLLATE "C" NOT NULL,
    downloads bigint NOT NULL,
    views     bigint NOT NULL,
    redirects bigint NOT NULL,
    bytes     bigint NOT NULL,
    PRIMARY KEY (file, month)
) WITH (fillfactor = 85);

-- name: usage_sum
-- One row per finest group: always exactly the sums over the two tables above.
CREATE TABLE provenstore_read.usage_sum{g} (
    workspace     text COLLATE "C" NOT NULL,
    owner         text COLLATE "C" NOT NULL,
    category      text COLLATE "C" NOT NULL,
    provider      text COLLATE "C" NOT NULL,
    month         text COLLATE "C" NOT NULL,
    new_files     bigint NOT NULL,
    new_bytes     bigint NOT NULL,
    files         bigint NOT NULL,
    bytes         bigint NOT NULL,
    deleted_files bigint NOT NULL,
    deleted_bytes bigint NOT NULL,
    downloads     bigint NOT NULL,
    views         bigint NOT NULL,
    redirects     bigint NOT NULL,
    served_bytes  bigint NOT NULL,
    PRIMARY KEY (workspace, owner, category, provider, month)
) WITH (fillfactor = 70);
