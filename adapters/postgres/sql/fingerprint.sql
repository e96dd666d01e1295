-- name: spell
-- Expressions are spelled alike in every session: names outside of pg_catalog with their schema, quoted where need be.
select set_config('search_path', 'pg_catalog', true), set_config('quote_all_identifiers', 'off', true);

-- name: objects
-- Each function, trigger, table, policy and role of the schema, with a digest of all that decides what it does.
-- Of what the server renders there are only expressions and constraints as simple as ours, which all versions spell alike;
-- privileges of newer versions are left out. What must not be there at all (memberships in the owner, settings of our
-- roles) is named where it is found.
with schema as (
    select oid, nspname, nspowner, nspacl from pg_catalog.pg_namespace where nspname = 'provenstore'
), grants (kind, object, grants) as (
    select kind, object, string_agg(concat_ws(' ', coalesce(r.rolname, 'PUBLIC'), a.privilege_type, a.is_grantable), ','
                                    order by coalesce(r.rolname, 'PUBLIC') collate "C", a.privilege_type collate "C")
    from (
        select 'schema', s.oid, s.nspowner, coalesce(s.nspacl, acldefault('n', s.nspowner)) from schema s
        union all
        select 'table', c.oid, c.relowner, coalesce(c.relacl, acldefault('r', c.relowner))
        from pg_catalog.pg_class c join schema s on s.oid = c.relnamespace
        union all
        select 'column ' || a.attname, a.attrelid, c.relowner, a.attacl
        from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join schema s on s.oid = c.relnamespace
        where a.attacl is not null
        union all
        select 'function', p.oid, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
        from pg_catalog.pg_proc p join schema s on s.oid = p.pronamespace
    ) acl (kind, object, owner, list), lateral aclexplode(list) a left join pg_catalog.pg_roles r on r.oid = a.grantee
    where a.grantee <> acl.owner and a.privilege_type <> 'MAINTAIN'
    group by kind, object
), objects (name, said) as (
    select 'schema ' || s.nspname, concat_ws('|', pg_get_userbyid(s.nspowner), g.grants)
    from schema s left join grants g on g.kind = 'schema' and g.object = s.oid
    union all
    select 'function ' || p.proname || case when count(*) over (partition by p.proname) > 1
               then '(' || oidvectortypes(p.proargtypes) || ')' else '' end,
           concat_ws('|', pg_get_userbyid(p.proowner), l.lanname, p.prokind, p.prosecdef, p.proleakproof, p.proisstrict,
                     p.proretset, p.provolatile, p.proparallel, oidvectortypes(p.proargtypes), p.prorettype::regtype,
                     array_to_string(p.proargnames, ','), array_to_string(p.proargmodes, ','),
                     array_to_string(p.proconfig, ','), p.prosrc, p.probin, g.grants)
    from pg_catalog.pg_proc p join schema s on s.oid = p.pronamespace join pg_catalog.pg_language l on l.oid = p.prolang
    left join grants g on g.kind = 'function' and g.object = p.oid
    union all
    select 'table ' || c.relname,
           concat_ws('|', pg_get_userbyid(c.relowner), c.relkind, c.relpersistence, c.relrowsecurity,
                     c.relforcerowsecurity, g.grants, (
               select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                                           a.attgenerated, pg_get_expr(f.adbin, f.adrelid), l.collname), ',' order by a.attnum)
               from pg_catalog.pg_attribute a
               left join pg_catalog.pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
               left join pg_catalog.pg_collation l on l.oid = a.attcollation
               where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           ), (
               -- Without its brackets: a dump that is restored has them set differently.
               select string_agg(concat_ws(' ', k.conname, k.convalidated, translate(pg_get_constraintdef(k.oid), '() ', '')),
                                 ',' order by k.conname collate "C")
               from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype <> 'n'
           ), (
               -- Indexes that decide what may be written or run code: a plain one more is nobody's business, nor is the
               -- copy that is there while one of ours is built anew.
               select string_agg(d.spelled, ',' order by d.spelled collate "C")
               from (
                   select distinct regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX [^ ]+ ON ', ' INDEX ON ') as spelled
                   from pg_catalog.pg_index i
                   where i.indrelid = c.oid and (i.indisunique or i.indexprs is not null or i.indpred is not null)
                   group by 1 having bool_or(i.indisvalid)
                   union all
                   select 'invalid'
                   from pg_catalog.pg_index i
                   where i.indrelid = c.oid and (i.indexprs is not null or i.indpred is not null)
                   group by regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX [^ ]+ ON ', ' INDEX ON ')
                   having not bool_or(i.indisvalid)
               ) d
           ), (
               select string_agg(concat_ws(' ', u.relname, 'is written to by a subscription'), ',')
               from pg_catalog.pg_subscription_rel b join pg_catalog.pg_class u on u.oid = b.srrelid where b.srrelid = c.oid
           ), (
               select string_agg(concat_ws(' ', o.kind, o.grants), ',' order by o.kind collate "C")
               from grants o where o.object = c.oid and o.kind like 'column %'
           ), (
               select string_agg(concat_ws(' ', w.rulename, w.ev_type, w.is_instead), ',' order by w.rulename collate "C")
               from pg_catalog.pg_rewrite w where w.ev_class = c.oid
           ), (
               select count(*) from pg_catalog.pg_inherits i where c.oid in (i.inhparent, i.inhrelid)
           ))
    from pg_catalog.pg_class c join schema s on s.oid = c.relnamespace
    left join grants g on g.kind = 'table' and g.object = c.oid
    where c.relkind not in ('i', 'I')
    union all
    select 'trigger ' || t.tgname || ' on ' || c.relname,
           concat_ws('|', t.tgenabled, t.tgtype, n.nspname, p.proname, t.tgattr, t.tgnargs, encode(t.tgargs, 'hex'),
                     case when t.tgqual is not null then pg_get_triggerdef(t.oid) end, t.tgdeferrable, t.tgoldtable, t.tgnewtable)
    from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid join schema s on s.oid = c.relnamespace
    join pg_catalog.pg_proc p on p.oid = t.tgfoid join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where not t.tgisinternal
    union all
    select 'policy ' || o.polname || ' on ' || c.relname,
           concat_ws('|', o.polcmd, o.polpermissive, (
               select string_agg(coalesce(r.rolname, 'PUBLIC'), ',' order by coalesce(r.rolname, 'PUBLIC') collate "C")
               from unnest(o.polroles) u (oid) left join pg_catalog.pg_roles r on r.oid = u.oid
           ), pg_get_expr(o.polqual, o.polrelid), pg_get_expr(o.polwithcheck, o.polrelid))
    from pg_catalog.pg_policy o join pg_catalog.pg_class c on c.oid = o.polrelid join schema s on s.oid = c.relnamespace
    union all
    select 'role ' || r.rolname, concat_ws('|', r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolreplication)
    from pg_catalog.pg_roles r
    where r.rolname in ('provenstore_owner', 'provenstore_writer', 'provenstore_runner', 'provenstore_reader')
    union all
    select 'operator ' || o.oid::regoperator, '' from pg_catalog.pg_operator o join schema s on s.oid = o.oprnamespace
    union all
    select 'type ' || t.typname, '' from pg_catalog.pg_type t join schema s on s.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r', 'b') and t.typelem = 0
    union all
    -- Rights beyond those that the migrations gave: what our roles are members of, and who else holds the owner's. Who may
    -- make roles or is a superuser can have them at any time; on a managed server such a one has made the owner.
    select 'membership of ' || r.rolname || ' in ' || o.rolname, ''
    from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.member
    join pg_catalog.pg_roles o on o.oid = m.roleid
    where r.rolname in ('provenstore_owner', 'provenstore_writer', 'provenstore_runner', 'provenstore_reader')
       or (o.rolname = 'provenstore_owner' and not r.rolsuper and not r.rolcreaterole)
    union all
    -- Settings that make a session of ours another role, or change what its statements mean or whether they last.
    select 'setting ' || split_part(v.setting, '=', 1) || ' of ' || coalesce(r.rolname, 'the database'), ''
    from pg_catalog.pg_db_role_setting g left join pg_catalog.pg_roles r on r.oid = g.setrole,
        lateral unnest(g.setconfig) v (setting)
    where (g.setdatabase = 0 or g.setdatabase = (select d.oid from pg_catalog.pg_database d where d.datname = current_database()))
        and (g.setrole = 0 or r.rolname = session_user
            or r.rolname in ('provenstore_owner', 'provenstore_writer', 'provenstore_runner', 'provenstore_reader'))
        and (split_part(v.setting, '=', 1) in (
                'role', 'session_replication_role', 'synchronous_commit', 'default_transaction_isolation', 'row_security',
                'transform_null_equals', 'standard_conforming_strings', 'local_preload_libraries',
                'session_preload_libraries', 'zero_damaged_pages', 'plpgsql.variable_conflict'
            ) or (split_part(v.setting, '=', 1) = 'search_path' and strpos(v.setting, 'pg_catalog') > 0))
)
select name, encode(sha256(convert_to(said, 'UTF8')), 'hex') from objects order by name collate "C";
