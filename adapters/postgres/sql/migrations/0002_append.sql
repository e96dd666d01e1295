-- append(): seal many commands in one exchange, as if one after the other, each whole or refused.
--
-- The caller numbers the batch's distinct streams, workspaces, counters and keys from 1 and refers to them by number.
-- Command c owns the drafts draft_end[c-1]+1 .. draft_end[c], and guards and quota changes likewise. Each draft comes
-- as six fragments of its canonical bytes around the sealed fields. A command whose own events are in the log already
-- (its reply was lost) is answered with them before anything else is asked. No id stands twice in a batch.
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
    fragments text[],
    guard_stream bigint[], guard_version bigint[],
    change_counter bigint[], change_bytes bigint[], change_files bigint[],
    change_max_bytes bigint[], change_max_files bigint[],
    private_draft bigint[], private_field text[], private_salt bytea[], private_bytes bytea[],
    erase_command bigint[], erase_event uuid[], erase_field text[]
)
returns table (
    command bigint, outcome text, subject bigint, wanted bigint, actual bigint, allowed bigint,
    event_id uuid, "position" bigint, stream text, version bigint, number bigint, "time" timestamptz, leaf bytea
)
language plpgsql security definer set search_path = provenstore, pg_temp
-- Plan each statement once per session, by index: planning anew for every batch takes longer than sealing it.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set jit = off
as $$
#variable_conflict use_column
declare
    newest bigint; moment timestamptz; moment_text text; exact bytea; hash bytea; hash_text text; head_text text;
    -- Newest version, and leaf as JSON (null or "hex"), of each stream; the same by number for each workspace.
    stream_version bigint[]; stream_leaf text[]; workspace_number bigint[]; workspace_leaf text[];
    used_bytes bigint[]; used_files bigint[]; max_bytes bigint[]; max_files bigint[]; touched boolean[];
    key_fingerprint bytea[]; key_first bigint[]; key_events bigint[]; key_command bigint[];
    -- What a counter was before a change of the command at hand.
    was_bytes bigint[] := '{}'; was_files bigint[] := '{}';
    was_max_bytes bigint[] := '{}'; was_max_files bigint[] := '{}';
    -- By draft; null where it was refused.
    sealed_command bigint[]; sealed_position bigint[]; sealed_version bigint[]; sealed_number bigint[];
    sealed_leaf bytea[]; sealed_state bytea[];
    recorded bigint[] := '{}'; -- by command: where its first event already stands
    replay_command bigint[] := '{}'; replay_first bigint[] := '{}'; replay_events bigint[] := '{}';
    n bigint; k bigint; w bigint; f bigint; first_position bigint;
    draft_from bigint := 1; guard_from bigint := 1; change_from bigint := 1; refusal text;
begin
    -- 1. Take the lock. Every later statement sees all that was committed before, also by a transaction waited for.
    perform from head for update;
    select e.position, e.time into newest, moment from event e order by e.position desc limit 1;
    newest := coalesce(newest, 0);
    moment := greatest(clock_timestamp(), moment);
    moment_text := to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

    -- 2. Load each head, counter and key once.
    select array_agg(coalesce(e.version, 0) order by s.o),
           array_agg(coalesce('"' || encode(e.leaf, 'hex') || '"', 'null') order by s.o)
        into stream_version, stream_leaf
        from unnest(streams) with ordinality s (stream, o) left join lateral (
            select version, leaf from event where event.stream = s.stream order by version desc limit 1
        ) e on true;
    select array_agg(coalesce(e.number, 0) order by s.o),
           array_agg(coalesce('"' || encode(e.leaf, 'hex') || '"', 'null') order by s.o)
        into workspace_number, workspace_leaf
        from unnest(workspaces) with ordinality s (workspace, o) left join lateral (
            select number, leaf from event where event.workspace = s.workspace order by number desc limit 1
        ) e on true;
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
                and strpos(convert_from(e.state, 'UTF8'), fragments[d * 6 - 4]) > 0
                and strpos(convert_from(e.state, 'UTF8'), fragments[d * 6 - 2]) > 0
            where e.position is null
        ) then
            recorded[n] := first_position;
        end if;
    end loop;

    -- 3. Decide and seal, command by command.
    n := cardinality(draft_id);
    sealed_position := array_fill(null::bigint, array[n::integer]);
    sealed_version := sealed_position; sealed_number := sealed_position; sealed_command := sealed_position;
    -- Arrays that are unnested are filled first: assigning to the third element of an empty one makes it begin there.
    touched := array_fill(false, array[coalesce(cardinality(counter_names), 0)]);
    key_command := array_fill(null::bigint, array[coalesce(cardinality(key_names), 0)]);
    sealed_leaf := array_fill(null::bytea, array[n::integer]); sealed_state := sealed_leaf;
    for c in 1 .. cardinality(draft_end) loop
        refusal := null; subject := null; wanted := null; actual := null; allowed := null;
        if recorded[c] is not null then
            refusal := 'sealed';
            replay_command := replay_command || c;
            replay_first := replay_first || recorded[c];
            replay_events := replay_events || (draft_end[c] - draft_from + 1);
        end if;

        -- 3a. The key: the same request is answered with what it recorded, another one refused.
        k := command_key[c];
        if refusal is null and k is not null and key_first[k] is not null then
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
                    subject := guard_stream[g]; wanted := guard_version[g]; actual := stream_version[guard_stream[g]];
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
                    for d in reverse g .. change_from loop
                        n := change_counter[d];
                        used_bytes[n] := was_bytes[d]; used_files[n] := was_files[d];
                        max_bytes[n] := was_max_bytes[d]; max_files[n] := was_max_files[d];
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

        -- 3d. Seal.
        if refusal is null then
            first_position := newest + 1;
            for g in change_from .. change_end[c] loop touched[change_counter[g]] := true; end loop;
            for d in draft_from .. draft_end[c] loop
                n := draft_stream[d]; w := draft_workspace[d]; f := d * 6 - 5; k := draft_head_of[d];
                head_text := case
                    when k is null then ''
                    when stream_version[k] = 0 then 'null'
                    else concat('{"leaf":', stream_leaf[k], ',"version":', stream_version[k], '}')
                end;
                newest := newest + 1;
                stream_version[n] := stream_version[n] + 1;
                workspace_number[w] := workspace_number[w] + 1;
                exact := convert_to(concat(
                    fragments[f], head_text, fragments[f + 1], workspace_number[w], fragments[f + 2], stream_leaf[n],
                    fragments[f + 3], moment_text, fragments[f + 4], stream_version[n], fragments[f + 5],
                    workspace_leaf[w], '}'
                ), 'UTF8');
                hash := sha256('\x00'::bytea || exact);
                hash_text := concat('"', encode(hash, 'hex'), '"');
                stream_leaf[n] := hash_text; workspace_leaf[w] := hash_text;
                sealed_position[d] := newest; sealed_version[d] := stream_version[n];
                sealed_number[d] := workspace_number[w]; sealed_command[d] := c;
                sealed_leaf[d] := hash; sealed_state[d] := exact;
            end loop;
            k := command_key[c];
            if k is not null then
                key_first[k] := first_position; key_events[k] := draft_end[c] - draft_from + 1;
                key_fingerprint[k] := command_fingerprint[c]; key_command[k] := c;
            end if;
        elsif refusal not in ('sealed', 'replayed') then
            command := c; outcome := refusal;
            return next;
        end if;
        draft_from := draft_end[c] + 1; guard_from := guard_end[c] + 1; change_from := change_end[c] + 1;
    end loop;

    -- 4. Write everything at once.
    insert into event (position, id, stream, version, workspace, number, type, time, leaf, state)
        select s.position, s.id, streams[s.stream], s.version, workspaces[s.workspace], s.number, s.type, moment,
               s.leaf, s.state
        from unnest(sealed_position, draft_id, draft_stream, sealed_version, draft_workspace, sealed_number, draft_type,
                    sealed_leaf, sealed_state)
            s (position, id, stream, version, workspace, number, type, leaf, state)
        where s.position is not null;
    if cardinality(private_draft) > 0 then
        insert into private_value (event_id, field, workspace, salt, value)
            select draft_id[p.draft], p.field, workspaces[draft_workspace[p.draft]], p.salt, p.value
            from unnest(private_draft, private_field, private_salt, private_bytes) p (draft, field, salt, value)
            where sealed_position[p.draft] is not null;
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
    end if;
    if cardinality(counter_names) > 0 then
        insert into quota as q (workspace, counter, bytes, files, max_bytes, max_files)
            select s.workspace, s.counter, s.bytes, s.files, s.max_bytes, s.max_files
            from unnest(counter_workspaces, counter_names, used_bytes, used_files, max_bytes, max_files, touched)
                s (workspace, counter, bytes, files, max_bytes, max_files, touched)
            where s.touched
            on conflict (workspace, counter) do update set bytes = excluded.bytes, files = excluded.files,
                max_bytes = excluded.max_bytes, max_files = excluded.max_files;
    end if;
    if cardinality(key_names) > 0 then
        insert into idempotency (principal, key, workspace, fingerprint, first_position, events, created)
            select s.principal, s.key, workspaces[draft_workspace[draft_end[s.command]]], s.fingerprint, s.first,
                   s.events, moment
            from unnest(key_principals, key_names, key_fingerprint, key_first, key_events, key_command)
                s (principal, key, fingerprint, first, events, command)
            where s.command is not null;
    end if;

    -- 5. Answer.
    return query
        select s.command, 'sealed', s.draft, null::bigint, null::bigint, null::bigint,
               s.id, s.position, streams[s.stream], s.version, s.number, moment, s.leaf
        from unnest(sealed_command, draft_id, sealed_position, draft_stream, sealed_version, sealed_number, sealed_leaf)
            with ordinality s (command, id, position, stream, version, number, leaf, draft)
        where s.position is not null;
    if cardinality(replay_command) > 0 then
        return query
            select r.command, case when recorded[r.command] is null then 'replayed' else 'sealed' end,
                   null::bigint, null::bigint, null::bigint, null::bigint,
                   e.id, e.position, e.stream, e.version, e.number, e.time, e.leaf
            from unnest(replay_command, replay_first, replay_events) r (command, first, events)
            join event e on e.position between r.first and r.first + r.events - 1;
    end if;
end
$$;
