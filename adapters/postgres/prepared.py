"""One hot statement, prepared by hand: columns go to libpq as they are packed, and its rows come back in one pass.

`Connection.execute` looks at each parameter's type, adapts it and keeps statistics about what is worth preparing; for
the statement that every append waits for this took longer than to pack its columns. Nothing else should need it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from psycopg import errors, generators
from psycopg.adapt import Transformer
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGresult

from provenstore.adapters.postgres.arrays import Column
from provenstore.adapters.postgres.database import Connection

_NAME: Final = re.compile(r"%\((\w+)\)s")
_NOT_PREPARED: Final = b"26000"  # invalid_sql_statement_name


class Prepared:
    """A statement whose parameters are columns. Holds no connection; safe to share between threads."""

    def __init__(self, name: str, query: str) -> None:
        """Take a query with parameters like `%(this)s`; `name` is its own on every connection."""
        self._name = name.encode()
        self._order = list(dict.fromkeys(_NAME.findall(query)))
        self._query = _NAME.sub(lambda found: f"${self._order.index(found[1]) + 1}", query).encode()
        self._formats = [Format.BINARY] * len(self._order)

    def rows(self, connection: Connection, columns: Mapping[str, Column]) -> list[tuple[Any, ...]]:
        """Return the rows for these parameters; psycopg's errors. The connection is nobody else's."""
        values = [columns[name].packed() for name in self._order]
        result = self._run(connection, values)
        if result.error_field(DiagnosticField.SQLSTATE) == _NOT_PREPARED:
            self.prepare(connection, columns)  # a connection is in autocommit, so nothing is left open
            result = self._run(connection, values)
        _require(ExecStatus.TUPLES_OK, result)
        transformer = Transformer(connection)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)

    def prepare(self, connection: Connection, columns: Mapping[str, Column]) -> None:
        """Prepare the statement for parameters of these types, once on a connection; `rows` does so where need be."""
        types = [columns[name].array for name in self._order]
        connection.pgconn.send_prepare(self._name, self._query, types)
        _require(ExecStatus.COMMAND_OK, _result(connection))

    def _run(self, connection: Connection, values: list[bytes]) -> PGresult:
        connection.pgconn.send_query_prepared(self._name, values, self._formats, result_format=Format.BINARY)
        return _result(connection)


def _result(connection: Connection) -> PGresult:
    # The connection's own way to wait: Ctrl-C ends it, and a connection that breaks raises.
    results: list[PGresult] = connection.wait(generators.execute(connection.pgconn))
    return results[-1]


def _require(status: ExecStatus, result: PGresult) -> None:
    if result.status != status:
        raise errors.error_from_result(result)
