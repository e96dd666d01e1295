"""A process whose threads append without pause, and write down what is acknowledged: each event's id and position.

Between what can be recorded comes what is refused, and what makes the database roll the whole batch back.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from provenstore.adapters.postgres.database import Database
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.domain.errors import Conflict, InvalidInput
from store_commands import mixed


def main(conninfo: str, told: str, threads: int, commands: int) -> None:
    """Append so many commands from so many threads, once a line comes in on stdin."""
    notes = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Database(conninfo) as connections, ThreadPoolExecutor(threads) as pool:
        log = PostgresEventLog(connections)

        def one(number: int) -> None:
            wanted = mixed(number)
            with suppress(Conflict, InvalidInput):
                sealed = log.append(wanted).events
                # The ids that this thread asked for, not those of the answer: it might be somebody else's.
                lines = [f"{mine.id} {its.position}\n" for mine, its in zip(wanted.drafts, sealed, strict=True)]
                os.write(notes, "".join(lines).encode())  # in one piece, also when this process is killed

        log.position()
        os.write(1, b"ready\n")
        sys.stdin.readline()
        list(pool.map(one, range(commands)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
