"""What append() refuses to record, and what it does not call recorded."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from provenstore.adapters.postgres import migrations
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.sealing import Batch
from provenstore.domain.canonical import parse_canonical
from provenstore.domain.errors import IntegrityViolated, InvalidInput, Misconfigured
from provenstore.domain.eventlog.envelope import Draft, draft
from provenstore.domain.eventlog.event_log import Append, Erasure, IdempotencyKey
from provenstore.domain.eventlog.event_types import REGISTRY, Fact
from provenstore.domain.eventlog.quota import QuotaChange
from provenstore.domain.files.file_events import AccessEnded, SentRange
from store_commands import ORIGIN, closed, command, happened
from store_database import WRITER, ScratchDatabase

OWNER = "provenstore_owner"


def altered(one: Draft, **fragments: tuple[bytes, bytes]) -> Draft:
    """Return a draft in which a fragment says something else: `f1=(old, new)`."""
    found = list(one.fragments)
    for name, (old, new) in fragments.items():
        index = int(name[1])
        assert old in found[index]
        found[index] = found[index].replace(old, new, 1)
    return replace(one, fragments=tuple(found))  # type: ignore[arg-type]  # six again


FORGED: dict[str, Any] = {
    "no JSON": {"f1": (b'"it"', b"it")},
    "an open text": {"f1": (b'"what":"it"', b'"what":"it')},
    "a space": {"f1": (b'"what":', b'"what": ')},
    "a space at an end": {"f3": (b'"private":{', b'"private":{ ')},
    "a line end": {"f2": (b'"outcome":', b'"outcome":\n')},
    "a tab": {"f1": (b'"cause":', b'"cause"\t:')},
    "a carriage return": {"f1": (b'"data":{', b'"data":\r{')},
    "a key twice": {"f1": (b'"what":"it"', b'"what":"it","what":"it"')},
    "a key twice, with another value": {"f1": (b'"what":"it"', b'"what":"other","what":"it"')},
    "a member of the envelope twice": {"f2": (b'"outcome":"ok",', b'"outcome":"ok","outcome":"ok",')},
    "data twice": {"f1": (b'"data":{"what":"it"}', b'"data":{"what":"it"},"data":{"what":"it"}')},
    "a private value twice": {"f3": (b'"private":{', b'"private":{"reason":"' + b"0" * 64 + b'",')},
    "keys in another order": {"f1": (b'"what":"it"', b'"z":1,"what":"it"')},
    "members in another order": {"f3": (b'"request":null,"session":null', b'"session":null,"request":null')},
    "private values in another order": {"f3": (b'"private":{', b'"private":{"zzz":"' + b"0" * 64 + b'",')},
    "actor in another order": {"f1": (b'"kind":"service","via":"api_key"', b'"via":"api_key","kind":"service"')},
    "a member more": {"f2": (b'"prev":', b'"pref":null,"prev":')},
    "a member less": {"f2": (b',"on_behalf_of":null', b"")},
    "a member renamed": {"f2": (b"on_behalf_of", b"on-behalf-of")},
    "an escape for nothing": {"f1": (b'"it"', b'"\\u0069t"')},
    "an escaped slash": {"f1": (b'"it"', b'"\\/"')},
    "an escape in capitals": {"f1": (b'"it"', b'"\\u001F"')},
    "a long escape": {"f1": (b'"it"', b'"\\u000a"')},
    "an escaped letter beyond ASCII": {"f1": (b'"it"', b'"\\u00e9"')},
    "half a character": {"f1": (b'"it"', b'"\\ud800"')},
    "an escaped key": {"f1": (b'"what":', b'"wh\\u0061t":')},
    "a key beyond ASCII": {"f1": (b'"what":', "wät".encode().join([b'"', b'":']))},
    "a fraction": {"f1": (b'"it"', b"1.5")},
    "a fraction of nothing": {"f1": (b'"it"', b"1.0")},
    "an exponent": {"f1": (b'"it"', b"1e2")},
    "an exponent in capitals": {"f1": (b'"it"', b"1E2")},
    "minus nothing": {"f1": (b'"it"', b"-0")},
    "a zero before": {"f1": (b'"it"', b"007")},
    "2^53": {"f1": (b'"it"', b"9007199254740992")},
    "minus 2^53": {"f1": (b'"it"', b"-9007199254740992")},
    "a large number": {"f1": (b'"it"', b"100000000000000000000")},
    "a fraction in a list": {"f1": (b'"it"', b"[1,2.5]")},
    "a space in a list": {"f1": (b'"it"', b"[1, 2]")},
    "a space in an object": {"f1": (b'"it"', b'{"a": 1}')},
    "a key twice in an object": {"f1": (b'"it"', b'{"a":1,"a":1}')},
    "order in an object in a list": {"f1": (b'"it"', b'[{"b":1,"a":1}]')},
    "seventeen levels": {"f1": (b'"it"', b"[" * 15 + b"]" * 15)},
    "a fraction for a session": {"f3": (b'"session":null', b'"session":1.5')},
    "a fraction for an occurrence": {"f2": (b'"occurred":null', b'"occurred":1.5')},
    "an envelope in another": {"f1": (b'{"actor":', b'{"a":{"actor":'), "f3": (b',"private":', b'},"private":')},
    "data that goes on": {"f1": (b'"data":{"what":"it"}', b'"data":{"what":{}')},
    "a number with a digit more": {"f2": (b',"occurred":', b'0,"occurred":')},
    "a number with a fraction": {"f2": (b',"occurred":', b'.5,"occurred":')},
    "a number with an exponent": {"f2": (b',"occurred":', b'e5,"occurred":')},
    "another prev": {"f2": (b'"ok","prev":', b""), "f3": (b',"private":', b',"prev":null,"private":')},
    "prev in a list": {"f2": (b'"prev":', b'"prev":['), "f3": (b',"private":', b'],"private":')},
    "prev in another member": {
        "f2": (b'"occurred":null,', b'"occurred":{"prev":null},'),
        "f3": (b'"request":null', b'"request":"a b"'),
    },
    "prev sealed elsewhere": {
        "f2": (b'null,"on_behalf_of":null,"outcome":"ok","prev":', b'{"outcome":"ok","prev":'),
        "f3": (b',"private":{', b',"private":{}},"on_behalf_of":null,"outcome":"ok","prev":null,"private":{'),
    },
    "a key with U+0000": {"f1": (b'"it"', b'{"a\\u0001b":1,"a\\u0000z":2}')},
    "an actor with a member more": {"f1": (b'"via":"api_key"', b'"via":"api_key","zzz":"a b"')},
    "an actor of another type": {"f1": (b'"kind":"service"', b'"kind":["a b"]')},
    "an outcome that is no text": {"f2": (b'"outcome":"ok"', b'"outcome":{"a":"b c"}')},
    "data that are a list": {"f1": (b'"data":{"what":"it"}', b'"data":["a b"]')},
    "another stream": {"f3": (b"file:1", b"file:2")},
    "another type": {"f4": (b"test.happened.v1", b"test.happened.v2")},
    "another workspace": {"f5": (b'"acme"', b'"other"')},
}


def test_bytes_that_are_not_what_they_are_recorded_as(log: PostgresEventLog) -> None:
    """Who may call append() cannot have bytes sealed that are not canonical, or say another place than their row."""
    for name, forgery in FORGED.items():
        with pytest.raises(InvalidInput):
            pytest.fail(f"{name}: {log.append(command(altered(happened('file:1'), **forgery)))}")
    assert log.position() == 0


def test_a_number_that_stands_in_the_data(log: PostgresEventLog) -> None:
    """The sealed one goes into the data; where the envelope's is to be stands another."""
    one = happened("file:1")
    forged = altered(
        one,
        f1=(b'"data":{"what":"it"},"decision":null,', b'"data":{"a":"b c",'),
        f2=(b',"occurred":null', b',"occurred":null},"decision":null,"id":"%b","number":99,"occurred":null' % _id(one)),
    )
    with pytest.raises(InvalidInput):
        pytest.fail(f"{log.append(command(forged))}")


def test_a_prev_that_stands_in_the_data(log: PostgresEventLog) -> None:
    """Likewise, beside a number that was guessed."""
    one = happened("file:1")
    after = b'"id":"%b","number":1,"occurred":null,"on_behalf_of":null,"outcome":"ok"' % _id(one)
    forged = altered(
        one,
        f1=(b'"data":{"what":"it"},"decision":null,', b'"data":{"a":"b c",'),
        f2=(b',"on_behalf_of":null,"outcome":"ok"', b""),
        f3=(b',"private":{}', b',"private":{}},"decision":null,%b,"prev":"%b","private":{}' % (after, b"0" * 64)),
    )
    with pytest.raises(InvalidInput):
        pytest.fail(f"{log.append(command(forged))}")


def _id(one: Draft) -> bytes:
    return str(one.id).encode()


def test_also_beside_private_values_and_a_space(log: PostgresEventLog) -> None:
    """Whichever way an event is checked: with a pattern, or by writing it again."""
    private = {"address": "1.2.3.4", "reason": "because"}
    for name, forgery in FORGED.items():
        one = happened("file:1", private=private)
        spaced = altered(one, f3=(b'"request":null', b'"request":"a b"'))
        for plain in (one, spaced):
            try:
                forged = altered(plain, **forgery)
            except AssertionError:
                continue  # what is altered is not in this one
            with pytest.raises(InvalidInput):
                pytest.fail(f"{name}: {log.append(command(forged))}")
    assert log.position() == 0
    log.append(command(spaced))


CANONICAL: dict[str, Any] = {
    "the largest number": b"9007199254740991",
    "the smallest number": b"-9007199254740991",
    "nothing": b"0",
    "a list": b'[1,"a b",null,true,{"a":[],"b":{}}]',
    "short escapes": b'"\\b\\t\\n\\f\\r\\\\ \\" / \\u001f \x7f"',
    "what looks like a key": b'"x\\",\\"what\\":1"',
    "a colon first": b'":1.5,"',
    "fourteen levels": b"[" * 14 + b"]" * 14,
}


def test_canonical_values_are_taken(log: PostgresEventLog) -> None:
    """The database and `domain.canonical` agree on what is canonical; what a type's data may be is another question."""
    for value in CANONICAL.values():
        sealed = log.append(command(altered(happened("file:1"), f1=(b'"it"', value)))).events[0]
        assert parse_canonical(sealed.state)


MISPLACED: dict[str, Any] = {
    "a space before the head": {"f0": (b'"before":', b'"before": ')},
    "a key twice": {"f0": (b'"before":"b"', b'"before":"b","before":"b"')},
    "a key twice behind the head": {"f1": (b'"why":', b'"why":"x","why":')},
    "a fraction before the head": {"f0": (b'"b"', b"1.5")},
    "another order": {"f1": (b'"head_of":', b'"zero":')},
    "no object": {"f0": (b'"data":{', b'"data":[{')},
}


@pytest.mark.parametrize("forgery", MISPLACED.values(), ids=MISPLACED.keys())
def test_around_a_head(log: PostgresEventLog, forgery: Any) -> None:
    """The data before and behind a sealed head are looked at, too."""
    log.append(command(happened("file:2")))
    with pytest.raises(InvalidInput):
        log.append(command(altered(closed("file:1", "file:2"), **forgery)))
    assert log.position() == 1


def test_keys_in_an_object_that_is_not_theirs(log: PostgresEventLog) -> None:
    """The same keys in the same order elsewhere are another text."""
    ended = draft(
        Fact(
            AccessEnded(
                mode="download",
                link=None,
                ranges=(SentRange(first=0, last=9),),
                exact=True,
                count=1,
                size=7,
                granted=10,
                began=datetime(2026, 11, 28, tzinfo=UTC),
            )
        ),
        event_id=uuid4(),
        stream="access:1",
        workspace="acme",
        origin=ORIGIN,
        salts={},
    )
    for moved in (b'"last":[{}],"a":7}],"size":7', b'"last":{},"a":7}],"size":7', b'"last":9,"a":7}],"size":7'):
        with pytest.raises(InvalidInput):
            log.append(command(altered(ended, f1=(b'"last":9}],"size":7', moved))))
    assert log.position() == 0
    log.append(command(ended))


def test_a_name_of_a_private_value_is_no_pattern(log: PostgresEventLog) -> None:
    """A name that would be read as more than one, or as another, is none."""
    one = happened("file:1", private={"reason": "because"})
    (found,) = one.private
    forged = replace(one, private=(replace(found, field='z":"%","a'),))
    sneaked = b'"private":{"z":"x","a":"x","reason":'
    with pytest.raises(InvalidInput):
        log.append(command(altered(forged, f3=(b'"private":{"reason":', sneaked))))
    assert log.position() == 0


def test_every_type_has_a_pattern_with_its_keys_in_order() -> None:
    """So that the common events of a release need not be parsed to be known as canonical."""
    for name in REGISTRY.names:
        shape, whole = migrations.shape(REGISTRY.require_writable(name)), ""
        while shape != whole:
            whole, shape = shape, re.sub(r":\[?\{[^{}]*\}\]?", ":%", shape)
        found = re.findall(r'"([^"]+)":%', shape)
        assert found == sorted(found) == sorted(REGISTRY.require_writable(name).model_fields)
    ended = migrations.shape(REGISTRY.require_writable("file.access_ended.v1"))
    assert '"ranges":[{"first":%,"last":%}]' in ended


def test_another_id_and_an_unknown_type(log: PostgresEventLog) -> None:
    """The columns are compared with the bytes, and the type with those that the owner's release knows."""
    for forged in (
        replace(happened("file:1"), id=uuid4()),
        altered(replace(happened("file:1"), type="test.happened.v2"), f4=(b"happened.v1", b"happened.v2")),
    ):
        with pytest.raises(InvalidInput):
            log.append(command(forged))
    assert log.position() == 0


@pytest.mark.parametrize(
    "what",
    ["it", "with space", 'a "quote"', "umlaut ä", "{brace}", "tab\t", "1.5", "back\\slash", "\0", "\\\0\0", "\\u0000"],
)
def test_every_text_is_taken(log: PostgresEventLog, what: str) -> None:
    """Flat and plain or not, canonical bytes are recorded as they come."""
    log.append(command(happened("file:1", what), happened("file:ä b", what)))
    log.append(command(closed("file:1", "file:2")))
    assert [event.version for event in log.events(["file:1"])] == [1, 2]


def test_a_pattern_that_was_altered(database: ScratchDatabase) -> None:
    """Patterns say what is taken for canonical: a server does not start with others than its own."""
    with database.connect(OWNER) as owner:
        migrations.check(owner)
        owner.execute("update provenstore.event_type set shape = '%' where type = 'file.stored.v1'")
        with pytest.raises(Misconfigured, match=r"pattern of the event type file\.stored\.v1"):
            migrations.check(owner)


SWALLOWED = {
    "event": "events",
    "private_value": "values",
    "quota": "counters",
    "idempotency": "keys",
}


@pytest.mark.parametrize("table", SWALLOWED)
def test_a_row_that_a_trigger_swallows(log: PostgresEventLog, database: ScratchDatabase, table: str) -> None:
    """Nothing is answered as recorded that is not there, and nothing of the batch is."""
    with database.connect(OWNER) as owner:
        owner.execute(
            "create function public.swallow() returns trigger language plpgsql as $$ begin return null; end $$;"
            f"create trigger swallow before insert on provenstore.{table} for each row "
            "execute function public.swallow()".encode()
        )
    one = happened("file:1", private={"reason": "because"})
    with pytest.raises(IntegrityViolated):
        log.append(command(one, quota=[QuotaChange("acme", bytes=1)], key=IdempotencyKey("p", "k", b"f")))
    assert log.position() == 0


ALTERED = {
    "quota": ["bytes = 7", "files = 7", "max_bytes = 7", "max_files = 7", "workspace = 'other'", "counter = 'other'"],
    "idempotency": ["principal = 'q'", "key = 'l'", "workspace = 'other'", "fingerprint = 'g'", "first_position = 7",
                    "events = 7", "created = '2001-01-01'"],
}  # fmt: skip


@pytest.mark.parametrize("table", ALTERED)
def test_a_row_that_a_trigger_alters(log: PostgresEventLog, database: ScratchDatabase, table: str) -> None:
    """Nothing is answered as recorded that is there as something else."""
    for change in ALTERED[table]:
        with database.connect(OWNER) as owner:
            owner.execute(
                "create or replace function public.alter_it() returns trigger language plpgsql as "
                f"$$ begin new.{change.replace(' =', ' :=')}; return new; end $$;"
                f"create or replace trigger aa_alter before insert on provenstore.{table} for each row "
                "execute function public.alter_it()".encode()
            )
        one = happened("file:1", private={"reason": "because"})
        with pytest.raises(IntegrityViolated):
            log.append(command(one, quota=[QuotaChange("acme", bytes=1)], key=IdempotencyKey("p", "k", b"f")))
            pytest.fail(change)
        assert log.position() == 0


def test_a_counter_that_a_trigger_alters_later(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """Also where the counter is there already."""
    log.append(command(happened("file:1"), quota=[QuotaChange("acme", bytes=1)]))
    with database.connect(OWNER) as owner:
        owner.execute(
            "create function public.alter_it() returns trigger language plpgsql as $$ begin new.bytes := 0;"
            " return new; end $$; create trigger aa_alter before update on provenstore.quota for each row "
            "execute function public.alter_it()"
        )
    with pytest.raises(IntegrityViolated):
        log.append(command(happened("file:1"), quota=[QuotaChange("acme", bytes=1)]))
    assert log.position() == 1


def test_an_erasure_that_a_trigger_swallows(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """A value that is still there was not erased."""
    one = happened("file:1", private={"reason": "because"})
    log.append(command(one))
    with database.connect(OWNER) as owner:
        owner.execute(
            "create function public.swallow() returns trigger language plpgsql as $$ begin return null; end $$;"
            "create trigger aa_swallow before update on provenstore.private_value for each row "
            "execute function public.swallow()"
        )
    with pytest.raises(IntegrityViolated):
        log.append(command(happened("file:1"), erase=[Erasure(one.id, "reason")]))


def test_without_the_row_that_orders_nothing_is_recorded(log: PostgresEventLog, database: ScratchDatabase) -> None:
    """Two appends at once would have no order."""
    with database.connect(OWNER) as owner:
        owner.execute("delete from provenstore.head")
    with pytest.raises(IntegrityViolated):
        log.append(command(happened("file:1")))


def test_an_answer_about_other_events() -> None:
    """The client believes an answer only about the events that it asked for."""
    one, other = happened("file:1"), happened("file:1")

    def answer(*ids: Any) -> Any:
        rows = [
            (1, "sealed", 1, None, None, None, each, n, "file:1", n, n, None, b"", b"") for n, each in enumerate(ids)
        ]
        return Batch([Append([one])]).answers(rows)[0]

    assert not isinstance(answer(one.id), Exception)
    for ids in ((other.id,), (), (one.id, other.id)):
        assert isinstance(answer(*ids), IntegrityViolated)


def test_the_database_knows_the_types_of_the_release(database: ScratchDatabase) -> None:
    """A server does not start on a database whose owner has not said which types this release writes."""
    with database.connect(OWNER) as owner, database.connect(WRITER) as writer:
        migrations.check(writer)
        owner.execute("delete from provenstore.event_type where type = 'file.stored.v1'")
        with pytest.raises(Misconfigured, match=r"file\.stored\.v1"):
            migrations.check(writer)
    migrations.migrate(database.conninfo(OWNER))
    with database.connect(WRITER) as writer:
        migrations.check(writer)
