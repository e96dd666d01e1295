-- The Merkle tree over the log, which one integrator at a time lets grow, and the checkpoints of it that were signed.
-- The read models' role adds to them; what is there stays, which triggers see to as they do for the log.

-- One tile of 256 hashes at most; it grows at the edge of the tree, and what it once had stays its beginning.
create table provenstore.tile (
    level smallint not null check (level between 0 and 7),
    number bigint not null check (number >= 0),
    hashes bytea not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
    primary key (level, number)
);
-- Hashes do not compress.
alter table provenstore.tile alter column hashes set storage external;

-- One row: how many leaves the tiles hold, and at which position the tree stands still, if what is there is not what
-- was sealed.
create table provenstore.tree (
    one boolean primary key default true check (one),
    size bigint not null default 0 check (size >= 0),
    parked_position bigint check (parked_position >= size),
    parked_why text,
    parked_at timestamptz,
    check ((parked_position is null) = (parked_why is null)),
    check ((parked_position is null) = (parked_at is null))
) with (fillfactor = 50);
insert into provenstore.tree default values;

-- A size with its root is stored before it is signed; the signed note comes last.
create table provenstore.checkpoint (
    size bigint primary key check (size > 0),
    root bytea not null check (octet_length(root) = 32),
    time timestamptz not null default clock_timestamp(),
    note bytea check (octet_length(note) <= 262144)
);

create function provenstore.tile_only_grows() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if (new.level, new.number) is distinct from (old.level, old.number)
        or substr(new.hashes, 1, octet_length(old.hashes)) is distinct from old.hashes
    then
        raise exception 'tile %/% may only be extended', old.level, old.number using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create function provenstore.tree_only_grows() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.size < old.size then
        raise exception 'the tree of % may not become one of %', old.size, new.size
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create function provenstore.checkpoint_stands() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    if old.note is not null or new.note is null
        or (new.size, new.root, new.time) is distinct from (old.size, old.root, old.time)
    then
        raise exception 'checkpoint % may only get its note, once', old.size using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger only_grows before update on provenstore.tile
    for each row execute function provenstore.tile_only_grows();
create trigger no_delete before delete on provenstore.tile
    for each row execute function provenstore.refuse_change();
create trigger no_truncate before truncate on provenstore.tile
    for each statement execute function provenstore.refuse_change();
create trigger only_grows before update on provenstore.tree
    for each row execute function provenstore.tree_only_grows();
create trigger no_delete before delete on provenstore.tree
    for each row execute function provenstore.refuse_change();
create trigger no_truncate before truncate on provenstore.tree
    for each statement execute function provenstore.refuse_change();
create trigger stands before update on provenstore.checkpoint
    for each row execute function provenstore.checkpoint_stands();
create trigger no_delete before delete on provenstore.checkpoint
    for each row execute function provenstore.refuse_change();
create trigger no_truncate before truncate on provenstore.checkpoint
    for each statement execute function provenstore.refuse_change();

-- Also where session_replication_role would switch ordinary triggers off.
alter table provenstore.tile enable always trigger only_grows;
alter table provenstore.tile enable always trigger no_delete;
alter table provenstore.tile enable always trigger no_truncate;
alter table provenstore.tree enable always trigger only_grows;
alter table provenstore.tree enable always trigger no_delete;
alter table provenstore.tree enable always trigger no_truncate;
alter table provenstore.checkpoint enable always trigger stands;
alter table provenstore.checkpoint enable always trigger no_delete;
alter table provenstore.checkpoint enable always trigger no_truncate;

revoke execute on function provenstore.tile_only_grows, provenstore.tree_only_grows, provenstore.checkpoint_stands
    from public;
grant select on provenstore.tile, provenstore.tree, provenstore.checkpoint to provenstore_writer, provenstore_runner;
grant insert, update (hashes) on provenstore.tile to provenstore_runner;
grant update (size, parked_position, parked_why, parked_at) on provenstore.tree to provenstore_runner;
grant insert (size, root), update (note) on provenstore.checkpoint to provenstore_runner;
