-- Close a new database to everyone but the four roles; idempotent. Run inside it, as its owner or a superuser.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO provenstore_owner, provenstore_writer, provenstore_runner, provenstore_reader',
        current_database());
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
