"""Which answers say nothing of a store, and are asked for again when it is probed."""

import pytest

from provenstore.adapters.spaces import probe_answers as answers


@pytest.mark.parametrize(
    ("status", "nothing"),
    [(200, False), (403, False), (408, True), (412, False), (429, True), (500, False), (501, False), (503, True)],
)
def test_a_busy_server_has_not_refused(status: int, nothing: bool) -> None:
    """What could not be tried is trusted no more than what was found."""
    assert answers.for_now(status) is nothing


@pytest.mark.parametrize(
    ("given", "last"), [([503, 403], 403), ([500, 500, 500], 500), ([429, 503, 503], 503), ([204], 204)]
)
def test_an_answer_for_now_is_asked_for_again(given: list[int], last: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice; the last one counts."""
    monkeypatch.setattr(answers, "PAUSES", (0.0, 0.0))
    left = iter(given)
    assert answers.settled(lambda: next(left)) == last
    assert next(left, None) is None
