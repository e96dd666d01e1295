"""A server is killed between each pair of steps of the look at a file's keys once nothing can write there any more.

Each file is brought to a standstill by an operator who tries its jobs again, which is what the background work does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import httpx

from provenstore.api.wiring import open_services
from provenstore.domain.storage.object_store import ObjectStore
from tests.crash import acts, ways_up
from tests.crash.acts import APPEND, IN_TIME, done
from tests.crash.killable import Ground, Killable
from tests.crash.whole import check_whole, events_of, files_named

STRAY = b"%PDF-1.7 sent again"


@dataclass(frozen=True, kw_only=True)
class Look:
    """A file whose URLs are dead: how it came about, what stands at its keys, and what the look records."""

    prepare: Callable[[Killable], str]
    leave: Callable[[ObjectStore, str], object]
    removes: tuple[str, ...]
    records: tuple[str, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done for it: recorded, removed, and recorded that it was."""
        return (*APPEND, *self.removes, *APPEND)


def _aborted(server: Killable) -> str:
    done(acts.abort(server, file := ways_up.presigned(server)))
    return file


def _stored(server: Killable) -> str:
    done(ways_up.send_whole(server, file := ways_up.presigned(server)))
    return file


def _purged(server: Killable) -> str:
    done(acts.delete(server, file := _stored(server)))
    done(acts.request_purge(server, file))
    done(acts.approve(server, file))
    return file


def _object(store: ObjectStore, key: str) -> object:
    return store.put(key, [STRAY], media_type="application/pdf", max_size=len(STRAY))


def _upload(store: ObjectStore, key: str) -> object:
    return store.create_multipart(key, media_type="application/pdf")


_DELETE = ("store.delete:before", "store.delete:after")
_ABORT = ("store.abort_multipart:before", "store.abort_multipart:after")
_CHECKED = ("stray_found", "place_checked")
_CLEARED = ("stray_found", "upload_cleared")

LOOKS = {
    "aborted": Look(prepare=_aborted, leave=_object, removes=_DELETE, records=_CLEARED),
    "stored": Look(prepare=_stored, leave=_upload, removes=_ABORT, records=_CHECKED),
    "purged": Look(prepare=_purged, leave=_object, removes=_DELETE, records=_CHECKED),
}


def _try_again(server: Killable, file: str) -> httpx.Response:
    return server.call("olga", "POST", f"/v1/jobs/{file}/retry")


def test_second_looks_that_are_killed(ground: Ground) -> None:
    """What should not be there is recorded once and removed, and only then the matter is closed, once."""
    with ground.serving() as server:
        server.ready()
        files = {name: [look.prepare(server) for _ in range(1 + len(_gaps(look)))] for name, look in LOOKS.items()}
        server.stop()
    with open_services(ground.settings, sweep=False, make=False) as services:
        for name, look in LOOKS.items():
            for file in files[name]:
                key = services.ledger.recorder.file(files_named(services.ledger.log)[file]).path
                look.leave(services.ledger.store, key)
    with ground.serving(pass_time=IN_TIME, idle=True) as server:
        server.ready()
        for name, look in LOOKS.items():
            before = len(server.steps())
            done(_try_again(server, files[name][0]))
            taken = tuple(server.steps()[before:])
            assert taken[: len(look.steps)] == look.steps, (name, taken)
            for file, number in zip(files[name][1:], _gaps(look), strict=True):
                server.stick(number, partial(_try_again, server, file))
    with ground.serving() as server:
        server.ready().stop()
    with open_services(ground.settings, sweep=False, make=False) as services:
        named = files_named(services.ledger.log)
        for name, look in LOOKS.items():
            for file in files[name]:
                happened = [one for one in events_of(services.ledger.log, named[file]) if one in set(look.records)]
                assert tuple(happened) == look.records, (name, happened)
        check_whole(services)


def _gaps(look: Look) -> list[int]:
    return acts.gaps([*look.steps])
