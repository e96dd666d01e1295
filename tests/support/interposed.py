"""Something that stands before a real port and lets one call fail, before or after it was really done."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

When = Literal["before", "confirmed", "after"]


class Crash(BaseException):
    """The process dies here: no handler of ours may run its course."""


class Interposed:
    """Passes every call on to the real thing; one call of one method, once, is interrupted."""

    def __init__(self, real: Any) -> None:
        """Stand before `real`."""
        self._real = real
        self._method = ""
        self._left = 0
        self._when: When = "before"
        self._action: Callable[[], object] = lambda: None
        self.calls: list[str] = []

    def interrupt(self, method: str, when: When, action: Callable[[], object], *, nth: int = 1) -> None:
        """Do `action` at the `nth` call of `method` from now: before it, after it, or once a put was confirmed."""
        self._method, self._when, self._action, self._left = method, when, action, nth

    @property
    def armed(self) -> bool:
        """Whether the call to interrupt has not come yet."""
        return self._left > 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return self._passing(name, found) if callable(found) else found

    def _passing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name != self._method or not self.armed:
                return real(*args, **kwargs)
            self._left -= 1
            if self.armed:
                return real(*args, **kwargs)
            if self._when == "before":
                self._action()
                return real(*args, **kwargs)
            if self._when == "confirmed":
                return real(*args, **{**kwargs, "confirm": self._confirming(kwargs["confirm"])})
            result = real(*args, **kwargs)
            if isinstance(result, AbstractContextManager):
                with result:  # an answer that is lost is also closed
                    self._action()
            self._action()
            return result

        return call

    def _confirming(self, confirm: Callable[[Any], None]) -> Callable[[Any], None]:
        def confirming(digests: Any) -> None:
            confirm(digests)
            self._action()

        return confirming


def raising(error: type[BaseException]) -> Callable[[], object]:
    """Return an action that raises."""

    def action() -> object:
        raise error

    return action
