"""What happens to the log as a transparency log: the stream `system:log` of the ledger's own workspace."""

from typing import ClassVar, Final

from provenstore.domain.event_types import REGISTRY, EventData

LOG: Final = "system:log"


@REGISTRY.register
class LogKeysChanged(EventData):
    """The log of this name is signed by exactly these keys from now on; several while one follows another."""

    TYPE: ClassVar[str] = "log.keys_changed.v1"

    origin: str  # the log's name, and its keys'; it never changes
    keys: tuple[str, ...]  # verifier keys as in C2SP signed-note


@REGISTRY.register
class LogAlarmCleared(EventData):
    """Checkpoints are signed again: the log was found to extend what had been signed last."""

    TYPE: ClassVar[str] = "log.alarm_cleared.v1"
    PRIVATE: ClassVar[frozenset[str]] = frozenset({"reason"})

    size: int  # of the tree that was signed last before the alarm
    root: str  # hex
