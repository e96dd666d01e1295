"""Every refusal can be told apart by machine and read by a person."""

from provenstore.domain import errors


def _all(base: type[errors.ProvenstoreError]) -> list[type[errors.ProvenstoreError]]:
    return [base, *(found for sub in base.__subclasses__() for found in _all(sub))]


def test_codes_are_unique() -> None:
    """Two errors never claim one code: callers branch on it. (A finer subclass may keep its parent's.)"""
    codes = [error.code for error in _all(errors.ProvenstoreError) if "code" in vars(error)]
    assert sorted(codes) == sorted(set(codes))


def test_message_defaults_to_the_docstring() -> None:
    """An error without words of its own says what its class says."""
    assert errors.Gone().message == "Content is no longer available"


def test_invalid_input_names_its_field() -> None:
    """The field stands first in the sentence and alone in the details."""
    error = errors.InvalidInput("filename", "is longer than 1,024 bytes")
    assert error.message == "filename: is longer than 1,024 bytes"
    assert error.details == {"field": "filename"}
