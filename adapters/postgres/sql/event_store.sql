-- name: append
-- Seal a batch of commands; the parameters are described at the function.
select command, outcome, subject, wanted, actual, allowed, event_id, position, stream, version, number, time, leaf, state
from provenstore.append(
    streams => %(streams)s,
    workspaces => %(workspaces)s,
    counter_workspaces => %(counter_workspaces)s,
    counter_names => %(counter_names)s,
    key_principals => %(key_principals)s,
    key_names => %(key_names)s,
    draft_end => %(draft_end)s,
    guard_end => %(guard_end)s,
    change_end => %(change_end)s,
    command_key => %(command_key)s,
    command_fingerprint => %(command_fingerprint)s,
    draft_id => %(draft_id)s,
    draft_type => %(draft_type)s,
    draft_stream => %(draft_stream)s,
    draft_workspace => %(draft_workspace)s,
    draft_head_of => %(draft_head_of)s,
    before_head => %(before_head)s,
    before_number => %(before_number)s,
    before_prev => %(before_prev)s,
    before_time => %(before_time)s,
    before_version => %(before_version)s,
    before_workspace_prev => %(before_workspace_prev)s,
    guard_stream => %(guard_stream)s,
    guard_version => %(guard_version)s,
    change_counter => %(change_counter)s,
    change_bytes => %(change_bytes)s,
    change_files => %(change_files)s,
    change_max_bytes => %(change_max_bytes)s,
    change_max_files => %(change_max_files)s,
    private_draft => %(private_draft)s,
    private_field => %(private_field)s,
    private_salt => %(private_salt)s,
    private_bytes => %(private_bytes)s,
    erase_command => %(erase_command)s,
    erase_event => %(erase_event)s,
    erase_field => %(erase_field)s
);

-- name: stream
-- A stream's events between two versions, in order.
-- Here and below: a time that only tampering can write, such as infinity, is read as one that no event has, so that
-- it is found to contradict the bytes instead of being no time at all.
select position, id, stream, version, workspace, number, type, greatest('0001-01-02', least('9999-12-30', time)) as time, leaf, state
from provenstore.event
where stream = %(stream)s and version > %(after)s and version <= %(upto)s
order by version limit %(limit)s;

-- name: stream_backwards
-- A stream's events between two versions, newest first.
select position, id, stream, version, workspace, number, type, greatest('0001-01-02', least('9999-12-30', time)) as time, leaf, state
from provenstore.event
where stream = %(stream)s and version > %(after)s and version <= %(upto)s
order by version desc limit %(limit)s;

-- name: streams
-- Events of several streams merged in log order; each stream is read by its own index, never the whole log: the sum is
-- there for a table without statistics, where the planner would also take every position above the given one.
select e.position, e.id, e.stream, e.version, e.workspace, e.number, e.type, greatest('0001-01-02', least('9999-12-30', e.time)) as time, e.leaf, e.state
from unnest(%(streams)s::text[]) s (stream) cross join lateral (
    select * from provenstore.event
    where event.stream = s.stream and event.position + 0 > %(after)s
    order by event.version limit %(limit)s
) e
order by e.position limit %(limit)s;

-- name: told
-- A stream's events, each beside its private values, in one snapshot; one row for an event without any.
-- Looked up event by event (offset 0): without statistics a join would read all private values that there are.
select e.position, e.id, e.stream, e.version, e.workspace, e.number, e.type, greatest('0001-01-02', least('9999-12-30', e.time)) as time, e.leaf, e.state,
    p.field, p.salt, p.value, p.erased_by
from provenstore.event e left join lateral (
    select v.field, v.salt, v.value, v.erased_by from provenstore.private_value v where v.event_id = e.id offset 0
) p on true
where e.stream = %(stream)s
order by e.version;

-- name: lifecycles
-- The same of several streams.
select e.position, e.id, e.stream, e.version, e.workspace, e.number, e.type, greatest('0001-01-02', least('9999-12-30', e.time)) as time, e.leaf, e.state,
    p.field, p.salt, p.value, p.erased_by
from provenstore.event e left join lateral (
    select v.field, v.salt, v.value, v.erased_by from provenstore.private_value v where v.event_id = e.id offset 0
) p on true
where e.stream = any(%(streams)s)
order by e.stream, e.version, p.field;

-- name: log
-- The log from a position on.
select position, id, stream, version, workspace, number, type, greatest('0001-01-02', least('9999-12-30', time)) as time, leaf, state
from provenstore.event where position > %(after)s order by position limit %(limit)s;

-- name: notifications
-- A stretch of the log, perhaps of some types only.
select position, id, stream, version, workspace, number, type, greatest('0001-01-02', least('9999-12-30', time)) as time, leaf, state
from provenstore.event
where position > %(after)s and position <= %(upto)s
    and (cardinality(%(types)s::text[]) = 0 or type = any(%(types)s::text[]))
order by position limit %(limit)s;

-- name: by_id
-- One event.
select position, id, stream, version, workspace, number, type, greatest('0001-01-02', least('9999-12-30', time)) as time, leaf, state
from provenstore.event where id = %(id)s;

-- name: numbered
-- A workspace's events by their numbers, as far as a position.
select position, id, stream, version, workspace, number, type, greatest('0001-01-02', least('9999-12-30', time)) as time, leaf, state
from provenstore.event
where workspace = %(workspace)s and number > %(after)s and position <= %(upto)s
order by number limit %(limit)s;

-- name: last_number
-- A workspace's newest event as far as a position: few lie beyond it, and the index is read backwards past those.
select number, position from provenstore.event
where workspace = %(workspace)s and position <= %(upto)s order by number desc limit 1;

-- name: head
-- A stream's newest version and leaf.
select version, leaf from provenstore.event where stream = %(stream)s order by version desc limit 1;

-- name: versions
-- The newest version of each of some streams, as they were at one moment.
select one.stream, newest.version
from unnest(%(streams)s::text[]) as one (stream)
cross join lateral (
    select version from provenstore.event where event.stream = one.stream order by version desc limit 1
) as newest;

-- name: position
-- The newest position.
select max(position) from provenstore.event;

-- name: disclosures
-- Private values of some events.
select event_id, field, salt, value, erased_by from provenstore.private_value where event_id = any(%(ids)s::uuid[]);

-- name: erased
-- Which private values some events erased.
select p.erased_by, e.position, p.field
from provenstore.private_value p join provenstore.event e on e.id = p.event_id
where p.erased_by = any(%(ids)s::uuid[])
order by e.position, p.field;

-- name: quota
-- One counter.
select bytes, files, max_bytes, max_files from provenstore.quota
where workspace = %(workspace)s and counter = %(counter)s;

-- name: recall
-- What a caller's key recorded: its fingerprint, and the events.
select i.fingerprint, e.id, e.position, e.stream, e.version, e.number, e.time, e.leaf, e.state
from provenstore.idempotency i
join provenstore.event e on e.position between i.first_position and i.first_position + i.events - 1
where i.principal = %(principal)s and i.key = %(key)s
order by e.position;

-- name: workspaces
-- Who has a quota: every workspace, in order of bytes whatever the database's collation.
select workspace from provenstore.quota
where counter = 'workspace' and workspace > %(after)s collate "C"
order by workspace collate "C" limit %(limit)s;

-- name: stream_ids
-- Streams by a range of their ids. Both ends are whole ids, so that every collation orders them as their bytes.
select substr(stream, strpos(stream, ':') + 1)::uuid from provenstore.event
where stream between %(first)s and %(last)s and version = 1
    and (%(workspace)s::text is null or workspace = %(workspace)s)
order by stream limit %(limit)s;

-- name: event_ids
-- Events by a range of their ids.
select id from provenstore.event
where id between %(first)s and %(last)s and (%(workspace)s::text is null or workspace = %(workspace)s)
order by id limit %(limit)s;

-- name: counters
-- The newest position and all quota counters, in one snapshot; without counters one row of nulls beside the position.
select newest.position, q.workspace, q.counter, q.bytes, q.files, q.max_bytes, q.max_files
from (select coalesce(max(position), 0) as position from provenstore.event) newest
left join provenstore.quota q on true;
