-- Who may do what. Nobody but append() writes; the reader sees the workspace that its session names.
grant usage on schema provenstore to provenstore_writer, provenstore_runner, provenstore_reader;
grant usage, create on schema provenstore_read to provenstore_runner;
grant usage on schema provenstore_read to provenstore_writer, provenstore_reader;

grant select on all tables in schema provenstore to provenstore_writer, provenstore_runner;
grant select on provenstore.event, provenstore.private_value, provenstore.quota, provenstore.migration
    to provenstore_reader;

revoke execute on all functions in schema provenstore from public;
grant execute on function provenstore.append to provenstore_writer;

-- Forced, so that it also binds the owner as whom append() runs; this keeps rows out of its error messages, too.
alter table provenstore.event enable row level security, force row level security;
alter table provenstore.private_value enable row level security, force row level security;
alter table provenstore.quota enable row level security, force row level security;

create policy every_workspace on provenstore.event
    to provenstore_owner, provenstore_writer, provenstore_runner using (true);
create policy every_workspace on provenstore.private_value
    to provenstore_owner, provenstore_writer, provenstore_runner using (true);
create policy every_workspace on provenstore.quota
    to provenstore_owner, provenstore_writer, provenstore_runner using (true);

create policy own_workspace on provenstore.event for select
    to provenstore_reader using (workspace = current_setting('provenstore.workspace', true));
create policy own_workspace on provenstore.private_value for select
    to provenstore_reader using (workspace = current_setting('provenstore.workspace', true));
create policy own_workspace on provenstore.quota for select
    to provenstore_reader using (workspace = current_setting('provenstore.workspace', true));
