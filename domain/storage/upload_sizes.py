"""How large what goes up may be and how it is divided; for both sides of the wire, so it knows no events."""

from provenstore.domain.errors import InvalidInput

MULTIPART_ABOVE = 10 * 1024**2
"""Bytes above which `auto` asks a bucket's client for parts: what fails then is repeated in part."""

MAX_AT_HAND = 256 * 1024
"""Bytes of a content that may come with the command that begins its file: it is held in memory, several times over
where it came as text. Above this the cost of a second request no longer counts beside that of the bytes."""

PART_SIZE = 10 * 1024**2
"""Bytes of a part unless there would be too many."""

MAX_PARTS = 10_000
"""Of S3."""

_MIB = 1024**2


def part_size_for(most: int) -> int:
    """Return the bytes of a part so that `most` bytes need no more than 10,000: 10 MiB, or whole MiB above that."""
    needed = -(-most // MAX_PARTS)
    return max(PART_SIZE, -(-needed // _MIB) * _MIB)


def expected_size(number: int, *, part_size: int, total: int | None) -> int | None:
    """Return how many bytes part `number` has, None if that is not known (then at most `part_size`).

    InvalidInput for a number that the upload cannot have.
    """
    last = MAX_PARTS if total is None else max(1, -(-total // part_size))
    if not 1 <= number <= last:
        raise InvalidInput("part", f"is {number}, must be 1 to {last:,}", limit=last)
    if total is None:
        return None
    return part_size if number < last else total - (last - 1) * part_size
