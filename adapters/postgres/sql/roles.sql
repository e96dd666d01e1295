-- The four database roles of Provenstore; idempotent. Run as an administrator who may create roles.
-- The embedded server runs this by itself. For an external database: psql -f roles.sql, give each role that
-- connects a password, CREATE DATABASE provenstore OWNER provenstore_owner, then database.sql inside it.
-- What each role may do to the tables is granted by the migrations.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['provenstore_owner', 'provenstore_writer', 'provenstore_runner', 'provenstore_reader']
    LOOP
        BEGIN
            EXECUTE format(
                'CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', role);
        EXCEPTION
            -- unique_violation: another session created it in the same moment.
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END
$$;
