-- name: objects
-- Each function, trigger, table, policy and role of the schema, with a digest of all that decides what it does.
-- Nothing is rendered in words that versions of the server spell differently; privileges of newer ones are left out.
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
               select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef,
                                           a.attgenerated), ',' order by a.attnum)
               from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           ), (
               select string_agg(concat_ws(' ', k.conname, k.contype, k.convalidated), ',' order by k.conname collate "C")
               from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype <> 'n'
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
                     t.tgqual is not null, t.tgdeferrable, t.tgoldtable, t.tgnewtable)
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
)
select name, encode(sha256(convert_to(said, 'UTF8')), 'hex') from objects order by name collate "C";
