-- The log and what is changed only together with it.
create schema provenstore;
-- The read models: the runner makes and owns everything in it.
create schema provenstore_read;

-- Which migrations have run, and what they said.
create table provenstore.migration (
    number integer primary key,
    name text not null,
    checksum bytea not null,
    applied timestamptz not null default clock_timestamp()
);

-- One row, locked by every append and never updated: it orders them and never bloats.
create table provenstore.head (one boolean primary key default true check (one));
insert into provenstore.head default values;

-- The log. `state` is the event's exact bytes; every other column repeats or follows from it.
create table provenstore.event (
    position bigint primary key check (position > 0),
    id uuid not null unique,
    stream text not null,
    version bigint not null check (version > 0),
    workspace text not null,
    number bigint not null check (number > 0),
    type text not null,
    time timestamptz not null,
    leaf bytea not null check (octet_length(leaf) = 32),
    state bytea not null check (octet_length(state) <= 65535),
    unique (stream, version),
    unique (workspace, number)
);

-- Values that may be erased; the leaf holds their commitments. No foreign keys: checking one locks rows of the log.
create table provenstore.private_value (
    event_id uuid not null,
    field text not null,
    workspace text not null,
    salt bytea check (octet_length(salt) = 32),
    value bytea,
    erased_by uuid,
    primary key (event_id, field),
    check ((salt is null) = (erased_by is not null)),
    check ((value is null) = (erased_by is not null))
);

-- Counters with their limits; a fold of the log, kept here so that it can be refused under the lock.
create table provenstore.quota (
    workspace text not null,
    counter text not null,
    bytes bigint not null default 0 check (bytes >= 0),
    files bigint not null default 0 check (files >= 0),
    max_bytes bigint check (max_bytes >= 0),
    max_files bigint check (max_files >= 0),
    primary key (workspace, counter)
) with (fillfactor = 50);

-- Which events a caller's own key for a request has recorded: `events` of them from `first_position` on.
create table provenstore.idempotency (
    principal text not null,
    key text not null,
    workspace text not null,
    fingerprint bytea not null,
    first_position bigint not null,
    events bigint not null check (events > 0),
    created timestamptz not null,
    primary key (principal, key)
);

create function provenstore.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% of %.% is refused: the log is append-only', tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

create function provenstore.allow_erasure_only() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    if old.erased_by is not null or new.erased_by is null
        or (new.event_id, new.field, new.workspace) is distinct from (old.event_id, old.field, old.workspace)
    then
        raise exception 'a private value may only be erased, once' using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger append_only before update or delete on provenstore.event
    for each row execute function provenstore.refuse_change();
create trigger no_truncate before truncate on provenstore.event
    for each statement execute function provenstore.refuse_change();
create trigger no_delete before delete on provenstore.private_value
    for each row execute function provenstore.refuse_change();
create trigger no_truncate before truncate on provenstore.private_value
    for each statement execute function provenstore.refuse_change();
create trigger erasure_only before update on provenstore.private_value
    for each row execute function provenstore.allow_erasure_only();

-- Also where session_replication_role would switch ordinary triggers off.
alter table provenstore.event enable always trigger append_only;
alter table provenstore.event enable always trigger no_truncate;
alter table provenstore.private_value enable always trigger no_delete;
alter table provenstore.private_value enable always trigger no_truncate;
alter table provenstore.private_value enable always trigger erasure_only;
