"""Columns of values as PostgreSQL's binary arrays, written in one pass.

The driver's own lists are adapted value by value, which costs more than sealing the events does. The format is that of
`array_send` (PostgreSQL, src/backend/utils/adt/arrayfuncs.c): dimensions, whether there are nulls, the elements' type,
then each element's length (-1: null) and bytes.
"""

from collections.abc import Iterable
from struct import Struct
from typing import ClassVar
from uuid import UUID

_HEAD = Struct(">iIIii").pack  # dimensions, nulls, element type, length, lower bound
_LENGTH = Struct(">i").pack
_BIGINT = Struct(">iq").pack
_EMPTY = Struct(">iII").pack
_NULL = _LENGTH(-1)


class Column(list[bytes]):
    """A column being filled: each element as it goes over the wire, length first."""

    # Of the class until there is a null: a batch has forty columns, and making each one ready would take as long as
    # filling it.
    nulls = 0
    element: ClassVar[int]
    array: ClassVar[int]
    empty: ClassVar[bytes]

    def __init_subclass__(cls) -> None:
        """Pack the empty array once: most columns of most batches are."""
        cls.empty = _EMPTY(0, 0, cls.element)

    def add_null(self) -> None:
        """Append null."""
        self.nulls = 1
        self.append(_NULL)

    def packed(self) -> bytes:
        """Return the array."""
        if not self:
            return self.empty
        return _HEAD(1, self.nulls, self.element, len(self), 1) + b"".join(self)


class Bigints(Column):
    """bigint[]."""

    element, array = 20, 1016

    def add(self, value: int | None) -> None:
        """Append a number below 2^63 in magnitude, or null."""
        if value is None:
            self.add_null()
        else:
            self.append(_BIGINT(8, value))


class Texts(Column):
    """text[], of texts in UTF-8."""

    element, array = 25, 1009

    def add(self, value: bytes) -> None:
        """Append a text."""
        self.append(_LENGTH(len(value)) + value)

    @classmethod
    def of(cls, values: Iterable[str]) -> "Texts":
        """Return the column of some texts."""
        column = cls()
        for value in values:
            column.add(value.encode())
        return column


class Bytes(Column):
    """bytea[]."""

    element, array = 17, 1001

    def add(self, value: bytes | None) -> None:
        """Append some bytes, or null."""
        if value is None:
            self.add_null()
        else:
            self.append(_LENGTH(len(value)) + value)


class Uuids(Column):
    """uuid[]."""

    element, array = 2950, 2951

    def add(self, value: UUID) -> None:
        """Append a UUID."""
        self.append(_LENGTH(16) + value.bytes)
