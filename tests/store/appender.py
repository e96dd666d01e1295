"""A process that appends without pause and says each acknowledged event's id and position on stdout."""

import sys
from concurrent.futures import ThreadPoolExecutor

from provenstore.adapters.database import Database
from provenstore.adapters.event_store import PostgresEventLog
from store_commands import command, happened


def main(conninfo: str, events: int) -> None:
    """Append `events` events from eight threads."""
    with Database(conninfo) as connections, ThreadPoolExecutor(8) as pool:
        log = PostgresEventLog(connections)

        def one(number: int) -> None:
            sealed = log.append(command(happened(f"access:{number % 3}"))).events[0]
            sys.stdout.write(f"{sealed.id} {sealed.position}\n")
            sys.stdout.flush()

        list(pool.map(one, range(events)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
