"""Putting the triggers of the log back as the migrations made them, after a test has switched them off."""

from typing import Final

GUARDS_ON: Final = """
do $$ declare one record; begin
    for one in select c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'provenstore'::regnamespace and not t.tgisinternal
    loop
        execute format('alter table provenstore.%I enable always trigger %I', one.relname, one.tgname);
    end loop;
end $$;
"""
"""Enables every trigger, always: after `enable trigger user` alone a session could still switch them off."""
