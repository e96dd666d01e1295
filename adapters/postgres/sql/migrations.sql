-- name: lock
-- One process migrates at a time; the number is the first eight bytes of SHA-256("provenstore.migrate").
select pg_advisory_lock(2782113289704805915);

-- name: roles
-- Whether this role is a superuser, and how many of the four roles exist.
select (select rolsuper from pg_catalog.pg_roles where rolname = current_user),
       (select count(*) from pg_catalog.pg_roles where rolname in
           ('provenstore_owner', 'provenstore_writer', 'provenstore_runner', 'provenstore_reader'));

-- name: exists
-- Whether any migration ever ran.
select to_regclass('provenstore.migration') is not null;

-- name: applied
-- The migrations that ran, in order.
select number, checksum from provenstore.migration order by number;

-- name: record
-- Remember a migration in the transaction that ran it.
insert into provenstore.migration (number, name, checksum) values (%s, %s, %s);

-- name: know_types
-- Let events of the types of a release be appended; those of earlier releases stay.
insert into provenstore.event_type (type, shape) select unnest(%s::text[]), unnest(%s::text[])
on conflict (type) do update set shape = excluded.shape;

-- name: known_types
-- The types whose events may be appended, each with the pattern that tells its data.
select type, shape from provenstore.event_type;
