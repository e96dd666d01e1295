"""The deadline of a command on a data directory: as a request's, it begins when the ledger is open."""

import inspect
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from provenstore.domain.eventlog.deadline import COMMAND_SECONDS, Deadline, within
from provenstore.domain.eventlog.on_record import answered

Class = TypeVar("Class", bound=type)
Params = ParamSpec("Params")
Answer = TypeVar("Answer")


def in_time(*, but: frozenset[str]) -> Callable[[Class], Class]:
    """Give every public method of a class a deadline, but those that are long by nature."""

    def decorate(found: Class) -> Class:
        methods = {name for name, _ in inspect.getmembers(found, inspect.isfunction) if not name.startswith("_")}
        if unknown := but - methods:
            raise TypeError(f"{found.__name__} has no method {min(unknown)}")
        for name in methods - but:
            setattr(found, name, _limited(getattr(found, name)))
        return found

    return decorate


def _limited(method: Callable[Params, Answer]) -> Callable[Params, Answer]:
    # One scope for what is recorded and for what describes it, as of a request: what comes too late after that is not
    # answered as though nothing was done.
    answering = answered(method)

    @wraps(method)
    def limited(*args: Params.args, **named: Params.kwargs) -> Answer:
        with within(Deadline(COMMAND_SECONDS, time.monotonic)):
            return answering(*args, **named)

    return limited
