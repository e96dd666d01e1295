"""A process that runs the file index over `story(files)` until it is killed: `leader.py <conninfo> <files> <delay>`."""

import sys
import threading

import psycopg

from provenstore.projections.file_index import FileIndex
from provenstore.projections.runner import Runner
from tests.projections.sealed import story


def main(conninfo: str, files: str, delay: str) -> None:
    """Run for ever, three events a batch, `delay` seconds apart."""
    log = story(int(files))
    log.delay = float(delay)
    Runner(log, lambda: psycopg.connect(conninfo), [FileIndex()], batch=3).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
