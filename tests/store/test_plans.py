"""What a question costs does not grow with the log, whatever PostgreSQL knows of it by then."""

from typing import Any, LiteralString

import pytest

from provenstore.adapters.postgres.event_rows import QUERIES
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.projections.engine.queries import queries
from store_commands import command, happened
from store_database import ScratchDatabase

STREAMS, EVENTS = 40, 4_000
ASKED: dict[str, dict[str, Any]] = {
    "streams": {"streams": ["file:7"], "after": 0, "limit": 100},
    "told": {"stream": "file:7"},
    "stream": {"stream": "file:7", "after": 0, "upto": 2**31 - 1, "limit": None},
}


@pytest.mark.parametrize("query", ASKED)
def test_streams_are_read_by_their_index(log: PostgresEventLog, database: ScratchDatabase, query: str) -> None:
    """Without statistics, too, which a table has none of for the first minutes of its life."""
    explain: LiteralString = "explain "
    with database.connect() as owner:
        owner.execute("alter table provenstore.event set (autovacuum_enabled = false)")
        owner.execute("alter table provenstore.private_value set (autovacuum_enabled = false)")
        for first in range(0, EVENTS, 500):
            private = {"address": "192.0.2.1", "reason": "because"}
            drafts = [happened(f"file:{number % STREAMS}", private=private) for number in range(first, first + 500)]
            log.append_batch([command(*drafts[at : at + 50]) for at in range(0, 500, 50)])
        rows = owner.execute(explain + QUERIES[query], ASKED[query]).fetchall()
        plan = "\n".join(line for (line,) in rows)
    assert "event_stream_version_key" in plan
    assert "Seq Scan" not in plan
    assert "event_pkey" not in plan, plan


def test_a_path_is_read_by_the_index_of_tiles(database: ScratchDatabase) -> None:
    """Of the tiles, one for each level over the leaf and at the edge."""
    explain: LiteralString = "explain "
    with database.connect() as owner:
        owner.execute("alter table provenstore.tile set (autovacuum_enabled = false)")
        owner.execute("insert into provenstore.tile select 0, n, sha256('') from generate_series(0, 20000) n")
        owner.execute("insert into provenstore.checkpoint (size, root, note) values (5000000, sha256(''), '')")
        for statistics in (False, True):
            if statistics:
                owner.execute("analyze provenstore.tile")
            rows = owner.execute(
                explain + queries("tree/proofs")["under_newest"], {"index": 77_777, "upto": 2**62}
            ).fetchall()
            plan = "\n".join(line for (line,) in rows)
            assert "tile_pkey" in plan
            assert "Seq Scan" not in plan, plan
