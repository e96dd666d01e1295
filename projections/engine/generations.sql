-- Tables of read models by generation. {table} is the table of one generation, {view} what readers use.

-- name: lock
-- One process at a time makes or drops tables; held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('provenstore_read.prepare', 0));

-- name: protect
-- Readers see one workspace; the runner, who owns the table, sees all.
ALTER TABLE provenstore_read.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY runner ON provenstore_read.{table} TO provenstore_runner USING (true) WITH CHECK (true);
CREATE POLICY reader ON provenstore_read.{table} FOR SELECT TO provenstore_reader
    USING (workspace = current_setting('provenstore.workspace', true));
GRANT SELECT ON provenstore_read.{table} TO provenstore_reader;

-- name: show
-- Readers see this generation from now on, with their own rights on it: the policies of its table bind them.
CREATE OR REPLACE VIEW provenstore_read.{view} WITH (security_invoker = true) AS
    SELECT * FROM provenstore_read.{table};
GRANT SELECT ON provenstore_read.{view} TO provenstore_reader;

-- name: drop_view
-- A view of another version, whose columns may be others.
DROP VIEW IF EXISTS provenstore_read.{view};

-- name: drop_table
-- A generation that nobody reads any more.
DROP TABLE IF EXISTS provenstore_read.{table};

-- name: made
-- The tables of all generations of one view.
SELECT c.relname::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'provenstore_read' AND c.relkind = 'r' AND c.relname ~ %(pattern)s;
