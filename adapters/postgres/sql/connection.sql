-- name: session
-- Times in UTC, and an end to every statement: also to one that waits for an append that hangs in another session.
select set_config('TimeZone', 'UTC', false), set_config('lock_timeout', '9s', false),
       set_config('statement_timeout', '11s', false), set_config('idle_in_transaction_session_timeout', '30s', false);

-- name: reading_session
-- An end to every statement over read models.
select set_config('lock_timeout', '9s', false), set_config('statement_timeout', '20s', false),
       set_config('idle_in_transaction_session_timeout', '30s', false);

-- name: server
-- What check_server wants to know about the server, the session and its role.
select current_setting('server_version_num')::integer,
       current_setting('server_encoding'),
       current_setting('fsync')::boolean,
       current_setting('full_page_writes')::boolean,
       current_setting('synchronous_commit') <> 'off',
       current_setting('default_transaction_isolation') = 'read committed',
       (select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = current_user);

-- name: is_owner
-- Whether this role may act as the owner of the log; null where there is no log.
select (
    select pg_has_role(current_user, relowner, 'member') from pg_catalog.pg_class
    where oid = to_regclass('provenstore.event')
);

-- name: notify
-- The log has grown.
select pg_notify('provenstore_log', '');
