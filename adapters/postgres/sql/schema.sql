-- The whole schema as the migrations leave it, for reading in one place; a test holds the two equal.

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

-- The types of events that may be appended: those of every release that has migrated this database. `shape` is the data
-- of an event of this type as a LIKE pattern, its keys in order: what matches need not be parsed.
create table provenstore.event_type (type text primary key, shape text not null);

-- A value's canonical JSON (RFC 8785 as domain/canonical.py has it), null where it has none, or a key with more than
-- printable ASCII.
create function provenstore.canonical(value jsonb, depth integer) returns text language plpgsql immutable as $$
begin
    if depth >= 16 and jsonb_typeof(value) in ('object', 'array') then
        return null;
    end if;
    -- Members that have none make the whole null: bool_and() is false, or null where there are no members.
    case jsonb_typeof(value)
        when 'object' then
            return (
                select case when bool_and(m.text is not null and m.key ~ '^[ -~]*$') is not false then
                    concat('{', string_agg(concat(to_json(m.key), ':', m.text), ',' order by m.key collate "C"), '}')
                end from (select v.key, provenstore.canonical(v.value, depth + 1) as text from jsonb_each(value) v) m
            );
        when 'array' then
            return (
                select case when bool_and(m.text is not null) is not false then
                    concat('[', string_agg(m.text, ',' order by m.o), ']')
                end from (
                    select v.o, provenstore.canonical(v.value, depth + 1) as text
                    from jsonb_array_elements(value) with ordinality v (value, o)
                ) m
            );
        when 'number' then
            return case when value::text ~ '^-?[0-9]{1,16}$' and abs(value::numeric) < 9007199254740992 then value::text end;
        else
            return value::text;
    end case;
end
$$;
revoke execute on function provenstore.canonical from public;

-- append(): seal many commands in one exchange, as if one after the other, each whole or refused.
--
-- The caller numbers the batch's distinct streams, workspaces, counters and keys from 1 and refers to them by number; 0
-- is none. Drafts stand in the order of their commands; command c owns the guards guard_end[c-1]+1 .. guard_end[c], and
-- quota changes and drafts likewise. Each draft comes as six fragments of its canonical bytes around the sealed fields.
-- A command whose own events are in the log already (its reply was lost) is answered with them before anything else is
-- asked. No id stands twice in a batch.
--
-- Rows: 'sealed' and 'replayed' carry an event (subject of 'sealed': the draft); 'conflict' a stream's number with
-- expected and actual version; 'bytes' and 'files' a counter's number with what was asked and used, and the limit;
-- 'key' nothing. A data error raises and nothing of the batch is recorded.
--
-- Never call it inside a longer transaction: it holds the head row, for which every other append waits.
create function provenstore.append(
    streams text[], workspaces text[],
    counter_workspaces text[], counter_names text[],
    key_principals text[], key_names text[],
    draft_end bigint[], guard_end bigint[], change_end bigint[], command_key bigint[], command_fingerprint bytea[],
    draft_id uuid[], draft_type text[], draft_stream bigint[], draft_workspace bigint[], draft_head_of bigint[],
    before_head text[], before_number text[], before_prev text[], before_time text[], before_version text[],
    before_workspace_prev text[],
    guard_stream bigint[], guard_version bigint[],
    change_counter bigint[], change_bytes bigint[], change_files bigint[],
    change_max_bytes bigint[], change_max_files bigint[],
    private_draft bigint[], private_field text[], private_salt bytea[], private_bytes bytea[],
    erase_command bigint[], erase_event uuid[], erase_field text[]
)
returns table (
    command bigint, outcome text, subject bigint, wanted bigint, actual bigint, allowed bigint,
    event_id uuid, "position" bigint, stream text, version bigint, number bigint, "time" timestamptz, leaf bytea,
    state bytea
)
language plpgsql security definer set search_path = provenstore, pg_temp
-- Plan each statement once per session, by index: planning anew for every batch takes longer than sealing it.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
    newest bigint; moment timestamptz; moment_text text; exact bytea; hash bytea; hash_text text;
    exact_text text; plain text; head_text text; names text; name text; before text; shape text; value jsonb;
    envelope constant text[] := array[
        'actor', 'cause', 'data', 'decision', 'id', 'number', 'occurred', 'on_behalf_of', 'outcome', 'prev', 'private',
        'request', 'session', 'stream', 'time', 'type', 'version', 'workspace', 'workspace_prev'
    ];
    actor constant text[] := array['credential', 'id', 'kind', 'via'];
    -- Newest version, and leaf as JSON (null or "hex"), of each stream; the same by number for each workspace.
    stream_version bigint[]; stream_leaf text[]; workspace_number bigint[]; workspace_leaf text[];
    stream_text text[]; workspace_text text[]; -- as they stand in the bytes
    draft_shape text[]; draft_keys bigint[]; -- by draft; null where the type is not known
    used_bytes bigint[]; used_files bigint[]; max_bytes bigint[]; max_files bigint[]; touched boolean[];
    key_fingerprint bytea[]; key_first bigint[]; key_events bigint[]; key_command bigint[];
    -- What a counter was before a change of the command at hand.
    was_bytes bigint[] := '{}'; was_files bigint[] := '{}';
    was_max_bytes bigint[] := '{}'; was_max_files bigint[] := '{}';
    -- By draft; null where it was refused.
    sealed_command bigint[]; sealed_position bigint[]; sealed_version bigint[]; sealed_number bigint[];
    sealed_leaf bytea[]; sealed_state bytea[]; written bigint;
    recorded bigint[] := '{}'; -- by command: where its first event already stands
    replay_command bigint[] := '{}'; replay_first bigint[] := '{}'; replay_events bigint[] := '{}';
    n bigint; k bigint; w bigint; p bigint := 1; keys bigint; c bigint := 0; d bigint := 0; first_position bigint; one record;
    guard_from bigint; change_from bigint; refusal text; -- of command c
begin
    -- 1. Take the lock. Every later statement sees all that was committed before, also by a transaction waited for.
    perform from head for update;
    if not found then
        raise exception 'the row that orders appends is missing' using errcode = 'data_corrupted';
    end if;
    select e.position, e.time into newest, moment from event e order by e.position desc limit 1;
    newest := coalesce(newest, 0);
    moment := greatest(clock_timestamp(), moment);
    moment_text := to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

    -- 2. Load each head, counter and key once.
    select array_agg(coalesce(e.version, 0) order by s.o),
           array_agg(coalesce('"' || encode(e.leaf, 'hex') || '"', 'null') order by s.o),
           array_agg(concat(',"stream":', to_json(s.stream), ',"time":"') order by s.o)
        into stream_version, stream_leaf, stream_text
        from unnest(streams) with ordinality s (stream, o) left join lateral (
            select version, leaf from event where event.stream = s.stream order by version desc limit 1
        ) e on true;
    select array_agg(coalesce(e.number, 0) order by s.o),
           array_agg(coalesce('"' || encode(e.leaf, 'hex') || '"', 'null') order by s.o),
           array_agg(concat(',"workspace":', to_json(s.workspace), ',"workspace_prev":') order by s.o)
        into workspace_number, workspace_leaf, workspace_text
        from unnest(workspaces) with ordinality s (workspace, o) left join lateral (
            select number, leaf from event where event.workspace = s.workspace order by number desc limit 1
        ) e on true;
    select array_agg(t.shape order by s.o),
           array_agg((octet_length(t.shape) - octet_length(replace(t.shape, '":', ''))) / 2 order by s.o)
        into draft_shape, draft_keys
        from unnest(draft_type) with ordinality s (type, o) left join event_type t on t.type = s.type;
    if cardinality(counter_names) > 0 then
        select array_agg(coalesce(q.bytes, 0) order by s.o), array_agg(coalesce(q.files, 0) order by s.o),
               array_agg(q.max_bytes order by s.o), array_agg(q.max_files order by s.o)
            into used_bytes, used_files, max_bytes, max_files
            from unnest(counter_workspaces, counter_names) with ordinality s (workspace, counter, o)
            left join quota q on q.workspace = s.workspace and q.counter = s.counter;
    end if;
    if cardinality(key_names) > 0 then
        select array_agg(i.fingerprint order by s.o), array_agg(i.first_position order by s.o),
               array_agg(i.events order by s.o)
            into key_fingerprint, key_first, key_events
            from unnest(key_principals, key_names) with ordinality s (principal, key, o)
            left join idempotency i on i.principal = s.principal and i.key = s.key;
    end if;
    -- Commands that are recorded already: the log has, in a row, their ids with the fragments that nothing else shares.
    for n, first_position in
        select s.o, e.position from unnest(draft_end) with ordinality s (upto, o)
        join event e on e.id = draft_id[coalesce(draft_end[s.o - 1], 0) + 1]
    loop
        w := coalesce(draft_end[n - 1], 0) + 1;
        if not exists (
            select from generate_series(w, draft_end[n]) d
            left join event e on e.position = first_position + d - w and e.id = draft_id[d]
                and e.workspace = workspaces[draft_workspace[d]] and e.stream = streams[draft_stream[d]]
                and strpos(convert_from(e.state, 'UTF8'), before_number[d]) > 0
                and strpos(convert_from(e.state, 'UTF8'), before_time[d]) > 0
            where e.position is null
        ) then
            recorded[n] := first_position;
        end if;
    end loop;

    -- 3. Decide and seal, command by command.
    n := cardinality(draft_id); first_position := newest;
    sealed_position := array_fill(null::bigint, array[n::integer]);
    sealed_version := sealed_position; sealed_number := sealed_position; sealed_command := sealed_position;
    -- Arrays that are unnested are filled first: assigning to the third element of an empty one makes it begin there.
    touched := array_fill(false, array[coalesce(cardinality(counter_names), 0)]);
    key_command := array_fill(null::bigint, array[coalesce(cardinality(key_names), 0)]);
    sealed_leaf := array_fill(null::bytea, array[n::integer]); sealed_state := sealed_leaf;
    for one in
        select * from unnest(draft_stream, draft_workspace, draft_head_of, before_head, before_number, before_prev,
                             before_time, before_version, before_workspace_prev)
            u (stream, workspace, head_of, f0, f1, f2, f3, f4, f5)
    loop
        d := d + 1;
        if d > coalesce(draft_end[c], 0) then
            -- The next command begins; whether it is refused is decided before its first draft.
            guard_from := coalesce(guard_end[c], 0) + 1; change_from := coalesce(change_end[c], 0) + 1; c := c + 1;
            refusal := null; subject := null; wanted := null; actual := null; allowed := null;
            if recorded[c] is not null then
                refusal := 'sealed';
                replay_command := replay_command || c;
                replay_first := replay_first || recorded[c];
                replay_events := replay_events || (draft_end[c] - d + 1);
            end if;

            -- 3a. The key: the same request is answered with what it recorded, another one refused.
            k := command_key[c];
            if k > 0 and refusal is null and key_first[k] is not null then
                if key_fingerprint[k] <> command_fingerprint[c] then
                    refusal := 'key';
                else
                    refusal := 'replayed';
                    replay_command := replay_command || c;
                    replay_first := replay_first || key_first[k];
                    replay_events := replay_events || key_events[k];
                end if;
            end if;

            -- 3b. The guards, against the heads as earlier commands of this batch have left them.
            if refusal is null then
                for g in guard_from .. guard_end[c] loop
                    if stream_version[guard_stream[g]] <> guard_version[g] then
                        refusal := 'conflict';
                        subject := guard_stream[g]; wanted := guard_version[g];
                        actual := stream_version[guard_stream[g]];
                        exit;
                    end if;
                end loop;
            end if;

            -- 3c. The quota; what a refused command had changed is put back.
            if refusal is null then
                for g in change_from .. change_end[c] loop
                    n := change_counter[g];
                    was_bytes[g] := used_bytes[n]; was_files[g] := used_files[n];
                    was_max_bytes[g] := max_bytes[n]; was_max_files[g] := max_files[n];
                    if change_max_bytes[g] is not null then max_bytes[n] := nullif(change_max_bytes[g], -1); end if;
                    if change_max_files[g] is not null then max_files[n] := nullif(change_max_files[g], -1); end if;
                    if change_bytes[g] > 0 and used_bytes[n] + change_bytes[g] > max_bytes[n] then
                        refusal := 'bytes'; wanted := change_bytes[g]; actual := used_bytes[n]; allowed := max_bytes[n];
                    elsif change_files[g] > 0 and used_files[n] + change_files[g] > max_files[n] then
                        refusal := 'files'; wanted := change_files[g]; actual := used_files[n]; allowed := max_files[n];
                    end if;
                    if refusal is not null then
                        subject := n;
                        for h in reverse g .. change_from loop
                            n := change_counter[h];
                            used_bytes[n] := was_bytes[h]; used_files[n] := was_files[h];
                            max_bytes[n] := was_max_bytes[h]; max_files[n] := was_max_files[h];
                        end loop;
                        exit;
                    end if;
                    used_bytes[n] := used_bytes[n] + change_bytes[g];
                    used_files[n] := used_files[n] + change_files[g];
                    if least(used_bytes[n], used_files[n], max_bytes[n], max_files[n]) < 0 then
                        raise exception 'a counter would fall below zero' using errcode = 'check_violation';
                    end if;
                end loop;
            end if;

            if refusal is null then
                for g in change_from .. change_end[c] loop touched[change_counter[g]] := true; end loop;
                if k > 0 then
                    key_first[k] := newest + 1; key_events[k] := draft_end[c] - d + 1;
                    key_fingerprint[k] := command_fingerprint[c]; key_command[k] := c;
                end if;
            elsif refusal not in ('sealed', 'replayed') then
                command := c; outcome := refusal;
                return next;
            end if;
        end if;
        continue when refusal is not null;

        -- 3d. Seal.
        n := one.stream; w := one.workspace; k := one.head_of;
        head_text := case
            when k = 0 then ''
            when stream_version[k] = 0 then 'null'
            else concat('{"leaf":', stream_leaf[k], ',"version":', stream_version[k], '}')
        end;
        -- Id, type, stream and workspace stand in the bytes as in the columns, and each fragment ends and begins where its
        -- sealed field is: else number or prev would be part of another value.
        if (right(one.f1, 54) = concat(',"id":"', draft_id[d], '","number":')
            and one.f4 = concat('","type":"', draft_type[d], '","version":') and one.f5 = workspace_text[w]
            and left(one.f2, 12) = ',"occurred":' and right(one.f2, 8) = ',"prev":' and left(one.f3, 12) = ',"private":{'
            and right(one.f3, length(stream_text[n])) = stream_text[n]) is not true
        then
            raise exception 'an event is not what it is to be recorded as' using errcode = 'invalid_json_text';
        end if;
        if draft_shape[d] is null then
            raise exception 'an event is of a type that is not known' using errcode = 'invalid_json_text';
        end if;
        newest := newest + 1;
        stream_version[n] := stream_version[n] + 1;
        workspace_number[w] := workspace_number[w] + 1;
        exact_text := concat(
            one.f0, head_text, one.f1, workspace_number[w], one.f2, stream_leaf[n], one.f3, moment_text, one.f4,
            stream_version[n], one.f5, workspace_leaf[w], '}'
        );
        -- Is it an envelope in canonical form? Most events are told by a pattern, as to parse one takes longer than to
        -- seal it. The pattern names all keys in their order. The text is JSON, without white space outside of its strings
        -- (it has none at all), without escapes, and without empty objects or lists of lists in its data. So each `":` ends
        -- a key, and if the text has as many of them as the pattern, its keys are those of the pattern, each where it is to
        -- be. What is left are numbers: they stand in the data only, behind `":`, `[` or `,`, in no other spelling.
        names := ''; name := ''; keys := 23 + draft_keys[d];
        while private_draft[p] < d loop p := p + 1; end loop;
        while private_draft[p] = d loop
            -- None but plain names in order; any other makes the pattern null.
            names := names || case when private_field[p] ~ '^[a-z_]+$' and private_field[p] collate "C" > name
                then concat(case when name <> '' then ',' end, '"', replace(private_field[p], '_', E'\\_'), '":"%"') end;
            name := private_field[p]; keys := keys + 1;
            p := p + 1;
        end loop;
        before := concat(one.f0, one.f1);
        shape := concat('{"actor":{"credential":',
            case when strpos(before, '"credential":null') > 0 then 'null' else '"%"' end,
            ',"id":"%","kind":"%","via":"%"},"cause":',
            case when strpos(before, '"cause":null') > 0 then 'null' else '"%"' end,
            ',"data":', draft_shape[d], ',"decision":',
            case when strpos(before, '"decision":null') > 0 then 'null' else '"%"' end, ',"id":"%","number":%,"occurred":',
            case when strpos(one.f2, '"occurred":null') > 0 then 'null' else '"%"' end, E',"on\\_behalf\\_of":',
            case when strpos(one.f2, '"on_behalf_of":null') > 0 then 'null' else '"%"' end,
            ',"outcome":"%","prev":%,"private":{') || names || concat('},"request":',
            case when strpos(one.f3, '"request":null') > 0 then 'null' else '"%"' end, ',"session":',
            case when strpos(one.f3, '"session":null') > 0 then 'null' else '"%"' end,
            E',"stream":"%","time":"%","type":"%","version":%,"workspace":"%","workspace\\_prev":%}');
        if (exact_text like shape
            and octet_length(exact_text) - octet_length(replace(exact_text, '":', '')) = 2 * keys
            and strpos(exact_text, ' ') + strpos(exact_text, E'\t') + strpos(exact_text, E'\n')
                + strpos(exact_text, E'\r') + strpos(exact_text, E'\\') = 0
            and strpos(before, '{}') + strpos(before, '":-') = 0
            and before !~ '":[0-9](?:[0-9]*[^0-9,}]|[0-9]{15})'
            and (strpos(before, '[') = 0 or before !~ '[[,](?:-|[0-9]+[^0-9,\]]|[0-9]{16}|[[])')
            and exact_text::json is not null) is not true
        then
            -- jsonb has no U+0000: what is canonical is so too with U+0001 in its place.
            plain := case when strpos(exact_text, E'\\u0000') = 0 then exact_text
                else regexp_replace(exact_text, E'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', E'\\1\\\\u0001', 'g') end;
            value := plain::jsonb;
            if (canonical(value, 0) = plain and value ->> 'id' = draft_id[d]::text
                and value ->> 'type' = draft_type[d] and value ->> 'stream' = streams[n]
                and value ->> 'workspace' = workspaces[w] and value -> 'number' = to_jsonb(workspace_number[w])
                and value -> 'prev' = stream_leaf[n]::jsonb and value ->> 'time' = moment_text
                and value -> 'version' = to_jsonb(stream_version[n])
                and value -> 'workspace_prev' = workspace_leaf[w]::jsonb and value ?& envelope
                and value - envelope = '{}'::jsonb and (
                    select bool_and(jsonb_typeof(value -> m) in ('string', 'null'))
                    from unnest(array['cause', 'decision', 'occurred', 'on_behalf_of', 'request', 'session']) m
                ) and jsonb_typeof(value -> 'data') = 'object' and jsonb_typeof(value -> 'outcome') = 'string'
                and jsonb_typeof(value -> 'actor') = 'object' and value -> 'actor' ?& actor
                and (value -> 'actor') - actor = '{}'::jsonb and (
                    select bool_and(jsonb_typeof(m.value) = 'string' or m.key = 'credential' and m.value = 'null'::jsonb)
                    from jsonb_each(value -> 'actor') m
                ) and jsonb_typeof(value -> 'private') = 'object') is not true
            then
                raise exception 'an event is no envelope in canonical form' using errcode = 'invalid_json_text';
            end if;
        end if;
        exact := convert_to(exact_text, 'UTF8');
        hash := sha256('\x00'::bytea || exact);
        hash_text := concat('"', encode(hash, 'hex'), '"');
        stream_leaf[n] := hash_text; workspace_leaf[w] := hash_text;
        sealed_position[d] := newest; sealed_version[d] := stream_version[n];
        sealed_number[d] := workspace_number[w]; sealed_command[d] := c;
        sealed_leaf[d] := hash; sealed_state[d] := exact;
    end loop;

    -- 4. Write everything at once, and see that it is there: what a trigger or a rule swallows ends it all.
    insert into event (position, id, stream, version, workspace, number, type, time, leaf, state)
        select s.position, s.id, streams[s.stream], s.version, workspaces[s.workspace], s.number, s.type, moment,
               s.leaf, s.state
        from unnest(sealed_position, draft_id, draft_stream, sealed_version, draft_workspace, sealed_number, draft_type,
                    sealed_leaf, sealed_state)
            s (position, id, stream, version, workspace, number, type, leaf, state)
        where s.position is not null;
    get diagnostics written = row_count;
    if written <> newest - first_position then
        raise exception 'the log did not keep the events that were sealed' using errcode = 'data_corrupted';
    end if;
    if cardinality(private_draft) > 0 then
        insert into private_value (event_id, field, workspace, salt, value)
            select draft_id[p.draft], p.field, workspaces[draft_workspace[p.draft]], p.salt, p.value
            from unnest(private_draft, private_field, private_salt, private_bytes) p (draft, field, salt, value)
            where sealed_position[p.draft] is not null;
        get diagnostics written = row_count;
        -- Counted only where commands were refused: a question of its own costs as much as sealing an event. What a
        -- trigger alters here contradicts the commitments in the log.
        if written <> cardinality(private_draft) then
            if written <> (select count(*) from unnest(private_draft) p where sealed_position[p] is not null) then
                raise exception 'the log did not keep the private values' using errcode = 'data_corrupted';
            end if;
        end if;
    end if;
    -- The first command that could erase a value did: not one that came before the value's own event.
    if cardinality(erase_command) > 0 then
        update private_value p set salt = null, value = null, erased_by = x.by from (
            select distinct on (s.event, s.field) s.event, s.field,
                   draft_id[coalesce(draft_end[s.command - 1], 0) + 1] as by
            from unnest(erase_command, erase_event, erase_field) s (command, event, field)
            join event e on e.id = s.event and e.position <= sealed_position[draft_end[s.command]]
            order by s.event, s.field, s.command
        ) x where p.event_id = x.event and p.field = x.field and p.erased_by is null;
        if exists (
            select from unnest(erase_command, erase_event, erase_field) s (command, event, field)
            join event e on e.id = s.event and e.position <= sealed_position[draft_end[s.command]]
            join private_value p on p.event_id = s.event and p.field = s.field
            where p.erased_by is null or p.value is not null
        ) then
            raise exception 'the private values were not erased' using errcode = 'data_corrupted';
        end if;
    end if;
    if cardinality(counter_names) > 0 then
        insert into quota as q (workspace, counter, bytes, files, max_bytes, max_files)
            select s.workspace, s.counter, s.bytes, s.files, s.max_bytes, s.max_files
            from unnest(counter_workspaces, counter_names, used_bytes, used_files, max_bytes, max_files, touched)
                s (workspace, counter, bytes, files, max_bytes, max_files, touched)
            where s.touched
            on conflict (workspace, counter) do update set bytes = excluded.bytes, files = excluded.files,
                max_bytes = excluded.max_bytes, max_files = excluded.max_files;
        select count(*) into written
        from unnest(counter_workspaces, counter_names, used_bytes, used_files, max_bytes, max_files, touched)
            s (workspace, counter, bytes, files, max_bytes, max_files, touched)
        join quota q on q.workspace = s.workspace and q.counter = s.counter and q.bytes = s.bytes and q.files = s.files
            and q.max_bytes is not distinct from s.max_bytes and q.max_files is not distinct from s.max_files
        where s.touched;
        if written <> cardinality(array_positions(touched, true)) then
            raise exception 'the log did not keep the counters' using errcode = 'data_corrupted';
        end if;
    end if;
    if cardinality(key_names) > 0 then
        insert into idempotency (principal, key, workspace, fingerprint, first_position, events, created)
            select s.principal, s.key, workspaces[draft_workspace[draft_end[s.command]]], s.fingerprint, s.first,
                   s.events, moment
            from unnest(key_principals, key_names, key_fingerprint, key_first, key_events, key_command)
                s (principal, key, fingerprint, first, events, command)
            where s.command is not null;
        select count(*) into written
        from unnest(key_principals, key_names, key_fingerprint, key_first, key_events, key_command)
            s (principal, key, fingerprint, first, events, command)
        join idempotency i on i.principal = s.principal and i.key = s.key and i.fingerprint = s.fingerprint
            and i.first_position = s.first and i.events = s.events and i.created = moment
            and i.workspace = workspaces[draft_workspace[draft_end[s.command]]]
        where s.command is not null;
        if written <> cardinality(array_remove(key_command, null)) then
            raise exception 'the log did not keep the idempotency keys' using errcode = 'data_corrupted';
        end if;
    end if;

    -- 5. Answer.
    return query
        select s.command, 'sealed', s.draft, null::bigint, null::bigint, null::bigint,
               s.id, s.position, streams[s.stream], s.version, s.number, moment, s.leaf, s.state
        from unnest(sealed_command, draft_id, sealed_position, draft_stream, sealed_version, sealed_number, sealed_leaf,
                    sealed_state)
            with ordinality s (command, id, position, stream, version, number, leaf, state, draft)
        where s.position is not null;
    if cardinality(replay_command) > 0 then
        return query
            select r.command, case when recorded[r.command] is null then 'replayed' else 'sealed' end,
                   null::bigint, null::bigint, null::bigint, null::bigint,
                   e.id, e.position, e.stream, e.version, e.number, e.time, e.leaf, e.state
            from unnest(replay_command, replay_first, replay_events) r (command, first, events)
            join event e on e.position between r.first and r.first + r.events - 1;
    end if;
end
$$;

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

-- What an event erased is looked up by whoever keeps rows with private values.
create index on provenstore.private_value (erased_by) where erased_by is not null;

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
