"""A process that runs the file index over `story(files)` until it is killed.

Called with the libpq settings, the number of files and the seconds between two batches.
"""

import sys
import threading

import psycopg

from memory_log import story
from provenstore.projections.engine.runner import Runner
from provenstore.projections.files.index import FileIndex


def main(conninfo: str, files: str, delay: str) -> None:
    """Run for ever, three events a batch, `delay` seconds apart."""
    log = story(int(files))
    log.delay = float(delay)
    Runner(log, lambda: psycopg.connect(conninfo), [FileIndex()], batch=3).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
