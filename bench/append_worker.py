"""One process of several that write to one ledger: `python -m bench.append_worker CONNINFO COMMAND THREADS SECONDS`.

Says `ready`, waits for a line, and prints how many events a second it has recorded.
"""

import sys

from bench.ledgers import bench_ledger, run_threads

if __name__ == "__main__":
    conninfo, command, threads, seconds = sys.argv[1:]
    with bench_ledger(conninfo) as bench:
        print("ready", flush=True)
        sys.stdin.readline()
        print(run_threads(int(threads), getattr(bench, command), float(seconds)).rate, flush=True)
