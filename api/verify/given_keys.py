"""What somebody gives to check with: keys and checkpoints, or the keys of the log in the data directory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.keys.log_keys import LogKeys, known_log_keys
from provenstore.adapters.keys.signing_key import Ed25519Verifier
from provenstore.api.settings import Settings
from provenstore.api.verify.trusted_keys import said_in
from provenstore.domain.errors import (
    InvalidInput,
    InvalidProof,
)
from provenstore.domain.proofs.tree_check import (
    EXTENDS,
    Head,
)
from provenstore.domain.transparency.checkpoint import open_checkpoint, parse_checkpoint
from provenstore.domain.transparency.note import NoteVerifier, parse_note


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be checked beyond what always is; `keys` in text form, `checkpoints` as signed notes by name."""

    keys: tuple[str, ...] = ()
    checkpoints: tuple[tuple[str, bytes], ...] = ()
    values: bool = True


NO_KEY: Final = "is missing: a log is believed by a key that comes from elsewhere"


def own_keys(settings: Settings) -> LogKeys | None:
    """Return the keys of the log in the data directory, if one has begun there."""
    return known_log_keys(DataDirectory(settings.data_dir).keys, given=settings.signing_key)


def verifiers(settings: Settings, given: Iterable[str]) -> tuple[Ed25519Verifier, ...]:
    """Return the keys that were given, otherwise those of the log in the data directory, if there is one.

    The latter with those that were retired, whose signatures are as good as they were.
    """
    keys = tuple(given)
    if not keys:
        found = own_keys(settings)
        keys = () if found is None else (*found.verifiers(), *found.retired())
    return tuple(Ed25519Verifier.parse(key) for key in keys)


def given_heads(asked: Asked) -> list[Head]:
    """Return the heads of the given checkpoints by size; unchecked signatures. InvalidInput if one is malformed."""
    heads = []
    for name, note in asked.checkpoints:
        try:
            found = parse_checkpoint(parse_note(note).text)
        except InvalidInput as exc:
            raise InvalidInput(name, exc.message) from exc
        heads.append(Head(found.size, found.root, said_in(name), EXTENDS))
    return sorted(heads, key=lambda head: head.size)


def require_signed(asked: Asked, keys: Sequence[NoteVerifier]) -> None:
    """Refuse with InvalidProof a checkpoint that was given and that no key of the log has signed."""
    for name, note in asked.checkpoints:
        try:
            open_checkpoint(note, keys)
        except InvalidProof as exc:
            raise InvalidProof(name, exc.message) from exc


def required_keys(settings: Settings, asked: Asked) -> tuple[Ed25519Verifier, ...]:
    """Return the keys to believe; InvalidInput where there is none."""
    keys = verifiers(settings, asked.keys)
    if not keys:
        raise InvalidInput("--key", NO_KEY)
    return keys
