"""A process that sends batches: pickled lists of batches on stdin, the answers to all their commands on stdout."""

import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress

import store_commands  # noqa: F401  # registers the types of the commands
from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.eventlog.event_log import Append
from sequential_log import answer


def received() -> Iterator[list[list[Append]]]:
    """Yield what the parent sends until it closes the pipe."""
    with suppress(EOFError):
        while True:
            yield pickle.load(sys.stdin.buffer)


def main(conninfo: str) -> None:
    """Serve until stdin ends; only our own parent writes there."""
    with Database(conninfo) as connections:
        log = PostgresEventLog(connections)
        for batches in received():
            answers = [answer(given) for batch in batches for given in log.append_batch(batch)]
            pickle.dump(answers, sys.stdout.buffer)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
