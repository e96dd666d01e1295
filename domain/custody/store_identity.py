"""The store's identity: compares the id in the store's marker with the id recorded in the log.

A folder that is not mounted and a wrong bucket in the settings both look empty. So no object is reported as missing or
destroyed before the marker has been read again.

Life of a store's identity, and what a crash leaves at each point:
 1. The log has no identity. If it has stored objects, every sampled one must be in the store. Crash: start again.
 2. IdentityDrawn records a random id; the next process continues with the same id. Crash: continue with 3.
 3. The store's marker is written, if the store has none. Crash: continue with 4, as the marker is found.
 4. ProviderIdentified records the id in the marker. From here on the two are compared.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from provenstore.domain import text
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.errors import IntegrityViolated, WrongStore
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.eventlog.envelope import SYSTEM_WORKSPACE, Actor, Event
from provenstore.domain.eventlog.event_log import in_pages
from provenstore.domain.eventlog.event_types import Fact
from provenstore.domain.eventlog.recording import Decision, Subject
from provenstore.domain.files.file import File
from provenstore.domain.files.file_events import Stored
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.objects import ObjectNotFound
from provenstore.domain.storage.store_marker import IDENTITY_BYTES
from provenstore.domain.system import provider as pr
from provenstore.domain.system.provider_events import IdentityDrawn, ProviderIdentified

MAX_LOOKED_FOR: Final = 100
"""Maximum number of stored objects to look for."""

PAGE: Final = 1_000
MAX_PAGES: Final = 60
"""Ranges of the log, of `PAGE` events each, from which stored objects are sampled. They are spread evenly over the
whole log: an older copy of the store has all of the oldest objects, and lacks the newest."""

GOOD_FOR: Final = timedelta(seconds=5)
"""How long a comparison is valid for uploads. Conclusions from a missing object never rely on it."""

_SYSTEM: Final = Caller(Actor("provenstore", "system", "system"), frozenset(), None)

How = Literal["first_use", "adopted", "recorded_again"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The number of stored objects of the log that were looked for in the store, and of those that were missing."""

    looked_for: int
    missing: int

    @property
    def found(self) -> bool:
        """Whether at least one of them was found."""
        return self.missing < self.looked_for

    def require(self, *, although_missing: bool = False, although_empty: bool = False) -> None:
        """Raise WrongStore if objects are missing, unless that is accepted: for some of them, or for all."""
        if self.missing == 0 or (although_missing if self.found else although_empty):
            return
        if not self.found:
            raise WrongStore(_NONE_FOUND, looked_for=self.looked_for, missing=self.missing)
        raise WrongStore(
            f"{self.missing} of the {self.looked_for} stored objects that were looked for are missing in the object "
            f"store; {_SOME_MISSING}",
            looked_for=self.looked_for,
            missing=self.missing,
        )


@dataclass(frozen=True, slots=True)
class Identities:
    """The id recorded in the log, and the id in the store's marker; None if absent."""

    recorded: str | None
    marker: str | None


class StoreIdentity:
    """Compares the store's marker with the log. Thread safe."""

    def __init__(self, recorder: Recorder, store: ObjectStore) -> None:
        """Compare `store` with the log of `recorder`."""
        self._recorder = recorder
        self._store = store
        self._subject = Subject("the provider", pr.provider_stream(store.name), SYSTEM_WORKSPACE, pr.project)
        self._compared_at: datetime | None = None

    def require(self) -> None:
        """Raise WrongStore unless this is the store recorded in the log; reads the marker now.

        At first use the store is recorded, if it has every sampled object of the log. May raise StoreUnavailable.
        """
        known = self._recorded() or self._establish()
        self._compare(known, self._store.identity())
        self._compared_at = self._recorder.clock.now()

    def require_lately(self) -> None:
        """Like `require`, but accept a comparison of the last few seconds: for actions that only add objects."""
        compared = self._compared_at
        if compared is None or not timedelta() <= self._recorder.clock.now() - compared < GOOD_FOR:
            self.require()

    def check(self) -> None:
        """Raise WrongStore if the log has recorded a different store. Records and writes nothing."""
        known = self._recorded()
        if known is not None:
            self._compare(known, self._store.identity())

    def require_recorded(self) -> None:
        """Raise WrongStore unless the log has recorded a store and this is it.

        For a verification, which may run before the first start: an object that it does not find may be in another
        store.
        """
        known = self._recorded()
        if known is None:
            raise WrongStore(_NOT_RECORDED)
        self._compare(known, self._store.identity())

    def show(self, caller: Caller) -> Identities:
        """Return both ids as they are now; for operators."""
        self._recorder.require(caller, "provider.probe", None)
        return Identities(self._recorded(), self._store.identity())

    def record_again(
        self, caller: Caller, reason: str, *, although_missing: bool = False, although_empty: bool = False
    ) -> Identities:
        """Record this store as the log's store, and write a marker if it has none; for operators, with a reason.

        WrongStore if stored objects of the log are missing, unless accepted: `although_missing` accepts some of the
        sampled objects missing, `although_empty` all of them.
        """
        self._recorder.require(caller, "provider.probe", None)
        text.require_reason(reason)
        evidence = self._evidence()
        evidence.require(although_missing=although_missing, although_empty=although_empty)

        def decide(state: pr.Provider | None) -> Decision:
            marker = self._store.identity() or self._store.identify(self._drawn())
            if state is not None and state.identity == marker:
                return Decision(())
            return Decision([Fact(self._identified(state, marker, "recorded_again", evidence), {"reason": reason})])

        identity = self._recorder.commit(caller, self._subject, decide).state.identity
        return Identities(identity, identity)

    # -- first use -------------------------------------------------------------------------------------------

    def _establish(self) -> str:
        evidence = self._evidence()
        evidence.require()
        marker = self._store.identity()
        if marker is None:
            self._recorder.commit(_SYSTEM, self._subject, self._draw)

        def decide(state: pr.Provider | None) -> Decision:
            if state is not None and state.identity is not None:
                return Decision(())  # another process was quicker
            bears = marker or self._store.identify(_drawn_id(state))
            how: How = "adopted" if evidence.looked_for else "first_use"
            return Decision([Fact(self._identified(state, bears, how, evidence))])

        return str(self._recorder.commit(_SYSTEM, self._subject, decide).state.identity)

    def _draw(self, state: pr.Provider | None) -> Decision:
        """Record a random id for the marker before the marker is written, so that no crash leaves an unknown id."""
        if state is not None and (state.drawn is not None or state.identity is not None):
            return Decision(())
        return Decision([Fact(IdentityDrawn(provider=self._store.name, identity=self._drawn()))])

    def _identified(self, state: pr.Provider | None, marker: str, how: How, evidence: Evidence) -> ProviderIdentified:
        return ProviderIdentified(
            provider=self._store.name,
            identity=marker,
            how=how,
            looked_for=evidence.looked_for,
            found=evidence.found,
            missing=evidence.missing,
            previous=None if state is None else state.identity,
        )

    def _evidence(self) -> Evidence:
        """Look for stored objects of the log in the store, old and new ones.

        If a sample of the log yields too few expected objects, since most are purged or damaged, use the whole log.
        """
        looked_for = missing = 0
        for file_id in self._candidates():
            file = self._recorder.file(file_id)
            if not self._should_hold(file):
                continue
            looked_for += 1
            missing += not self._holds(file)
            if looked_for == MAX_LOOKED_FOR:
                break
        return Evidence(looked_for, missing)

    def _candidates(self) -> Iterator[UUID]:
        """Yield each file that was ever stored, sampled ones first."""
        seen = set[UUID]()
        for files in (self._sample, lambda: iter(_stored(in_pages(self._recorder.log)))):
            for one in files():
                if one not in seen:
                    seen.add(one)
                    yield one

    def _sample(self) -> Iterator[UUID]:
        """Yield files that were stored in the sampled ranges of the log, evenly spread ones first."""
        end = self._recorder.log.position()
        pages = min(MAX_PAGES, -(-end // PAGE))
        starts = range(0, end, PAGE) if end <= MAX_PAGES * PAGE else spread(end - PAGE + 1, pages)
        found = _stored(event for start in starts for event in self._recorder.log.read(start, PAGE))
        first = spread(len(found), MAX_LOOKED_FOR)
        yield from (found[index] for index in first)
        yield from (one for index, one in enumerate(found) if index not in first)

    def _should_hold(self, file: File) -> bool:
        """Tell whether, by the log, the file's object is in this store and undamaged."""
        started = file.purge is not None and file.purge.started is not None
        gone = started or file.status == "purged" or file.damage is not None
        return file.stored is not None and not gone and file.initiated.provider == self._store.name

    def _holds(self, file: File) -> bool:
        if file.stored is None:
            return False
        try:
            found = self._store.head(file.path, version=file.stored.version_id)
        except (ObjectNotFound, IntegrityViolated):
            return False
        return (found.size, found.etag) == (file.stored.size, file.stored.etag)

    # -- recording -------------------------------------------------------------------------------------------

    def _drawn(self) -> str:
        return self._recorder.entropy.secret(IDENTITY_BYTES).hex()

    def _state(self) -> pr.Provider | None:
        return self._recorder.find(self._subject.stream, pr.project)

    def _recorded(self) -> str | None:
        state = self._state()
        return None if state is None else state.identity

    def _compare(self, recorded: str, marker: str | None) -> None:
        if marker is None:
            raise WrongStore(
                "the object store has no marker, so it is not the one of this log: mount the folder or set the bucket "
                "that the log was written with; `provenstore store identify` records a store whose marker was lost"
            )
        if marker != recorded:
            raise WrongStore(
                "this is not the object store that the log has recorded: mount the folder or set the bucket that "
                "the log was written with",
                recorded=recorded,
                marker=marker,
            )


def _drawn_id(state: pr.Provider | None) -> str:
    if state is None or state.drawn is None:
        raise IntegrityViolated("no id was drawn for the store's marker")
    return state.drawn


def spread(size: int, most: int) -> list[int]:
    """Return at most `most` indexes of a sequence of this size, evenly spread, including its first and last."""
    if size <= most:
        return list(range(size))
    return [index * (size - 1) // (most - 1) for index in range(most)]


def _stored(events: Iterable[Event]) -> list[UUID]:
    """Return the files that these events store, without duplicates, in order."""
    found = (UUID(one.stream.partition(":")[2]) for one in events if isinstance(one.data, Stored))
    return list(dict.fromkeys(found))


_NOT_RECORDED: Final = (
    "the log has not recorded yet which object store is its own, and an object that is not found may lie in another "
    "one; the next start of the server compares and records it"
)
_NONE_FOUND: Final = (
    "none of the stored objects of this log is in the object store: mount the folder or set the bucket that the log "
    "was written with; `provenstore store identify --although-empty` records an empty one"
)
_SOME_MISSING: Final = (
    "this may be an older copy: mount the folder or set the bucket that the log was written with; if they are lost for "
    "good, `provenstore store identify --although-missing` records the store without them"
)
