"""The event types of the transparency log: the stream `system:log` of the ledger's own workspace."""

from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from provenstore.domain.eventlog.event_types import REGISTRY, EventData

LOG: Final = "system:log"


class FormerKeys(BaseModel):
    """The keys that signed the log before; none before the first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[str, ...]


@REGISTRY.register
class LogKeysChanged(EventData):
    """The log of this name is signed by exactly these keys from now on; several during a key change."""

    TYPE: ClassVar[str] = "log.keys_changed.v1"
    CHANGES: ClassVar[tuple[str, ...]] = ("keys",)

    origin: str  # the log's name, and its keys'
    keys: tuple[str, ...]  # verifier keys as in C2SP signed-note
    was: FormerKeys | None = None  # before this event


@REGISTRY.register
class LogBegunAnew(EventData):
    """The rest of a signed log continues as a new log: entries of the first log are permanently lost."""

    TYPE: ClassVar[str] = "log.begun_anew.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    origin: str  # the new log's name
    keys: tuple[str, ...]  # its verifier keys
    ended_origin: str  # the name of the log that has ended
    ended_size: int  # of its tree that was signed last, as far as is known here
    ended_root: str  # hex
    shared_size: int  # of the newest checkpoint on record here, which this log extends


@REGISTRY.register
class LogAlarmCleared(EventData):
    """Checkpoints are signed again: the log extends the last signed checkpoint."""

    TYPE: ClassVar[str] = "log.alarm_cleared.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    size: int  # of the tree that was signed last before the alarm
    root: str  # hex
