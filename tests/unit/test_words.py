"""The product speaks plainly: titles of problems have at most six words, and none of the banned ones."""

import re
from collections.abc import Iterator

import pytest

import provenstore.api.cli.local_files
import provenstore.api.cli.usage_errors
import provenstore.api.http.problems
import provenstore.domain.storage.objects
import provenstore.projections.engine.builds
import provenstore.projections.engine.database  # noqa: F401  # they have errors of their own
from provenstore.domain.errors import Busy, NotFound, ProvenstoreError

BANNED = re.compile(
    r"\b(?:whoever|whatever|whichever|anew|of theirs|there is none|what is|somebody|such thing|as it were)\b",
    re.IGNORECASE,
)


def _kinds(kind: type[ProvenstoreError] = ProvenstoreError) -> Iterator[type[ProvenstoreError]]:
    for one in kind.__subclasses__():
        if one.__module__.startswith("provenstore."):
            yield one
            yield from _kinds(one)


@pytest.mark.parametrize("kind", [*_kinds()], ids=lambda kind: kind.__name__)
def test_a_title_is_short_and_plain(kind: type[ProvenstoreError]) -> None:
    """It says what is wrong; the message says what to do."""
    assert 1 <= len(kind.title().split()) <= 6
    assert not BANNED.search(f"{kind.title()} {kind.advice}")


def test_the_default_message_says_what_to_do() -> None:
    """Title and advice, as the client reads them where the raiser said nothing of its own."""
    assert str(Busy()) == "Too many requests in progress; retry shortly"
    assert str(NotFound()) == "Not found"
