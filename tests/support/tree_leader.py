"""A program: grows the tree by small stretches until it is killed. Arguments: connection string, stretch."""

import sys
import time

import psycopg

from provenstore.projections.tree.integrator import Integrator

if __name__ == "__main__":
    conninfo, stretch = sys.argv[1:]
    Integrator(lambda: psycopg.connect(conninfo), stretch=int(stretch)).start()
    time.sleep(3_600)
