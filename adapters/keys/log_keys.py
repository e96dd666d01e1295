"""The log's name and keys: where they come from, and how one key, or one log, follows another.

The name is kept beside the key, with what the key last signed; with another name it is another log. Keys lie in the
data directory, or come from the settings; in neither case are they shown, logged or recorded, but for their public
half.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from provenstore.adapters.durable.whole_file import sync_folder, write_whole
from provenstore.adapters.keys.key_file import load, load_or_create
from provenstore.adapters.keys.last_signed import LastSignedFile
from provenstore.adapters.keys.signing_key import (
    Ed25519Verifier,
    SigningKey,
    draw_signing_key,
    load_or_create_signing_key,
    load_signing_key,
)
from provenstore.domain.errors import InvalidInput, Misconfigured, Refused
from provenstore.domain.transparency.checkpoint import open_checkpoint
from provenstore.domain.transparency.note import require_key_name
from provenstore.domain.transparency.signing import Signed, TreeHead

KEY: Final = "log.key"
NEXT_KEY: Final = "log-next.key"
ANEW_KEY: Final = "log-anew.key"
"""The key of the log that begins where this one has ended; it signs once `log-signed.json` has its name."""

RETIRED: Final = "log-retired.keys"
"""Public halves of keys that sign no more, one a line: what they have signed stays signed by them."""

LAST_SIGNED: Final = "log-signed.json"

_FORGOTTEN: Final = (
    f"{LAST_SIGNED} is missing beside {KEY}, so nobody knows what that key has signed: restore it, or compare the log "
    "with a checkpoint that somebody kept, and clear this alarm"
)

_LOCAL: Final = "provenstore.local/"
"""Begins the names of logs that nobody has named."""

_ORIGIN: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*")

Announce = Callable[[tuple[str, ...]], object]
"""Records which verifier keys are in force; called before they are."""


class LogKeys:
    """The keys that sign one log, read anew whenever they are asked for: another process may have changed them."""

    def __init__(self, folder: Path, *, origin: str | None = None, given: SecretStr | None = None) -> None:
        """Take up what lies in `folder`, or begin a log there; `given` are keys that are kept elsewhere.

        Misconfigured where `origin` or `given` are none, or none that has a URL; IntegrityViolated where what was last
        signed is damaged. That they are of the log here is only asked of whoever signs.
        """
        self._folder = folder
        self._given = _given(given)
        self.last = LastSignedFile(folder / LAST_SIGNED)
        self._wanted = None if origin is None else _origin(origin)
        # A key never comes to be before its memory; looked for first, as another process may be making both.
        alarm = _FORGOTTEN if not self._given and (folder / KEY).exists() else None
        self.last.begin(self._named() or self._wanted or _drawn_name(), alarm)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.last.read().origin

    def signers(self) -> tuple[SigningKey, ...]:
        """Return the keys to sign with, the one that will stay last; Misconfigured where one cannot be used.

        Also where the settings, or the keys that lie here, are of another log.
        """
        origin = self.origin
        if self._wanted not in (None, origin):
            raise Misconfigured(f"PROVENSTORE_LOG_ORIGIN is not {origin}, which is the name of the log here")
        if any(key.name != origin for key in self._given):
            raise Misconfigured(f"PROVENSTORE_SIGNING_KEY is not named {origin}, as the log here is")
        if self._given:
            return self._given
        if (anew := _key_in(self._folder / ANEW_KEY)) is not None and anew.name == origin:
            return (anew,)
        # In this order, and nothing drawn that `rotate` did not: another process may be putting the second key in the
        # place of the first, which is then both.
        following = load_signing_key(self._folder / NEXT_KEY, origin)
        first = load_signing_key(self._folder / KEY, origin) or self._first(origin)
        return (first,) if following is None or following.key_id == first.key_id else (first, following)

    def _first(self, origin: str) -> SigningKey:
        """Draw the key with which a log begins; Misconfigured for one that was signed: its key is lost, not new."""
        if size := self.last.read().head.size:
            raise Misconfigured(f"{KEY} is missing, though {size:,} entries were signed here: restore it")
        return load_or_create_signing_key(self._folder / KEY, origin)

    def verifiers(self) -> tuple[str, ...]:
        """Return the public halves, as C2SP signed-note writes them."""
        return tuple(str(key.verifier) for key in self.signers())

    def lying_here(self) -> tuple[str, ...]:
        """Return the public halves of all keys of this data directory: retired ones and earlier log names too."""
        files = (_key_in(self._folder / name) for name in (KEY, NEXT_KEY, ANEW_KEY))
        here = (*self._given, *(key for key in files if key is not None))
        return (*(str(key.verifier) for key in here), *self.retired())

    def retired(self) -> tuple[str, ...]:
        """Return the public halves of keys that were retired here, in order."""
        path = self._folder / RETIRED
        return tuple(path.read_text().split()) if path.exists() else ()

    def rotate(self, announce: Announce) -> None:
        """Sign with a second key as well from now on; Refused while there is one, or keys come from the settings."""
        self._require_files()
        with self.last.held():
            self.settle()
            if (self._folder / NEXT_KEY).exists():
                raise Refused("a new key signs already; --retire ends the old one")
            new = draw_signing_key(self.origin)
            # A crash behind the record leaves one that names a key that never signed; running processes record anew.
            announce((*self.verifiers(), str(SigningKey(new).verifier)))
            load_or_create(self._folder / NEXT_KEY, new.reveal)

    def retire(self, announce: Announce) -> None:
        """Sign with the new key alone from now on, and forget the old one; Refused where there is no new one."""
        self._require_files()
        with self.last.held():
            self.settle()
            following = self._folder / NEXT_KEY
            if not following.exists():
                raise Refused("there is no new key; rotate first")
            old, *others = self.verifiers()
            announce(tuple(others))
            # A crash behind this retires the key again; it is named once.
            self._write_retired([old])
            following.replace(self._folder / KEY)
            sync_folder(self._folder)

    # -- another log ---------------------------------------------------------------------------------------

    def name(self) -> str:
        """See the port: what the settings say; a log that nobody has named is followed by one whose name is drawn."""
        if self._given:
            raise Refused(
                "the keys come from PROVENSTORE_SIGNING_KEY: keep the old one in log.key for this, without the setting"
            )
        old = self._old()
        if not old:
            raise Misconfigured(f"{KEY} is missing: restore it")
        origin = self.origin
        if self._wanted in {origin, *(key.name for key in old)}:
            raise Refused(f"set PROVENSTORE_LOG_ORIGIN to a new name, for the log that follows {origin}")
        aside = _name_in(self._folder / ANEW_KEY)
        if self._wanted is None and aside in (None, origin) and not origin.startswith(_LOCAL):
            raise Refused(f"set PROVENSTORE_LOG_ORIGIN to the name of the log that follows {origin}")
        return self._wanted or (aside if aside not in (None, origin) else None) or _drawn_name()

    def vouched(self, note: bytes) -> TreeHead:
        """See the port."""
        found = open_checkpoint(note, self._old())
        return TreeHead(found.size, found.root)

    def _old(self) -> tuple[Ed25519Verifier, ...]:
        """Return the public halves of all keys that have signed here, whatever their names; none without `log.key`."""
        keys = [_key_in(self._folder / name) for name in (KEY, NEXT_KEY)]
        if keys[0] is None:
            return ()
        return (*(key.verifier for key in keys if key is not None), *map(Ed25519Verifier.parse, self.retired()))

    def draw(self, origin: str) -> tuple[str, ...]:
        """See the port."""
        aside = self._folder / ANEW_KEY
        if _name_in(aside) not in (None, origin):
            with _written():
                aside.unlink()  # it was drawn for a log that never began
        return (str(load_or_create_signing_key(aside, origin).verifier),)

    def settle(self) -> None:
        """Finish what a crash has left of `take`. Called by who holds `last`."""
        if _name_in(self._folder / ANEW_KEY) == self.origin:
            self.take()

    def take(self) -> None:
        """See the port. Called by who holds `last`; Misconfigured where nothing can be written."""
        aside = self._folder / ANEW_KEY
        if not aside.exists():
            return
        # Both keys of a rotation end. A crash on any line leaves what the next call goes on with.
        old = [self._folder / KEY, self._folder / NEXT_KEY]
        with _written():
            self._write_retired(str(key.verifier) for key in map(_key_in, old) if key is not None)
            old[1].unlink(missing_ok=True)
            aside.replace(old[0])
            sync_folder(self._folder)

    def _write_retired(self, keys: Iterable[str]) -> None:
        lines = (f"{key}\n" for key in dict.fromkeys((*self.retired(), *keys)))
        write_whole(self._folder / RETIRED, "".join(lines).encode())

    def _require_files(self) -> None:
        if self._given:
            raise Refused(
                "the keys come from PROVENSTORE_SIGNING_KEY: put the new key behind the old one there, with a space "
                "between them, and take the old one away later"
            )

    def _named(self) -> str | None:
        """Return the name of a key that is there already."""
        if self._given:
            return self._given[0].name
        return _name_in(self._folder / KEY)


def known_log_keys(folder: Path, *, given: SecretStr | None = None) -> LogKeys | None:
    """Return the keys of the log that has begun in `folder`, None if none has: for those who only look."""
    if not (folder / LAST_SIGNED).exists() or not (given or (folder / KEY).exists()):
        return None
    return LogKeys(folder, given=given)


def known_last_signed(folder: Path) -> Signed | None:
    """Return what was last signed by a key in `folder`, which may be gone since; None where nothing says so."""
    return LastSignedFile(folder / LAST_SIGNED).read() if (folder / LAST_SIGNED).exists() else None


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise Misconfigured(f"the keys of the log cannot be written: {exc.strerror}") from exc


def _key_in(path: Path) -> SigningKey | None:
    """Return the key in a file, whatever its name is."""
    text = load(path)
    return None if text is None else SigningKey.parse(SecretStr(text))


def _name_in(path: Path) -> str | None:
    key = _key_in(path)
    return None if key is None else key.name


def _drawn_name() -> str:
    return f"{_LOCAL}{secrets.token_hex(8)}"


def _given(setting: SecretStr | None) -> tuple[SigningKey, ...]:
    parts = setting.get_secret_value().split() if setting is not None else []
    return tuple(SigningKey.parse(SecretStr(part)) for part in parts)


def _origin(setting: str) -> str:
    try:
        require_key_name("PROVENSTORE_LOG_ORIGIN", setting)
    except InvalidInput as exc:
        raise Misconfigured(exc.message) from exc
    if not _ORIGIN.fullmatch(setting):
        raise Misconfigured("PROVENSTORE_LOG_ORIGIN is not a URL prefix without scheme such as ledger.example.com/acme")
    return setting
