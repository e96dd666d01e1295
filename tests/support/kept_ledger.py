"""A ledger with tree, checkpoints and keys, and what somebody could do to it who owns everything but the key.

The forgers here are careful: what they leave behind agrees with itself as far as they can bring it about.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from custody import ADMIN, SERVICE
from guards import GUARDS_ON
from provenstore.adapters.embedded.running import SUPERUSER
from provenstore.api.acts import log
from provenstore.api.maintenance.verification import verify_database
from provenstore.api.services import Services
from provenstore.api.settings import Settings, load_settings
from provenstore.api.verify.given_keys import Asked
from provenstore.api.wiring import open_services
from provenstore.domain.canonical import canonical
from provenstore.domain.proofs.published_log import Checked
from provenstore.domain.proofs.verification import Finding
from provenstore.domain.tenants.workspace import CreateWorkspace
from provenstore.domain.transparency.merkle import Frontier, leaf_hash
from provenstore.domain.uploads.initiation import NewFile
from provenstore.projections.tree.integrator import whole_tree
from raw_log import back_up, restore, tamper

Row = dict[str, Any]
"""An event as the envelope has it."""


@dataclass
class KeptLedger:
    """The ledger, a way around it, and what it was like before anybody touched it."""

    settings: Settings
    services: Services
    operator: psycopg.Connection[Any]
    files: tuple[UUID, ...]
    heads: tuple[int, ...]
    """Sizes that were signed."""
    memory: bytes
    """What the key remembers."""

    def verify(self, **asked: Any) -> Checked:
        return verify_database(self.settings, Asked(**asked), lambda _done, _total: None)

    def findings(self, **asked: Any) -> dict[int, Finding]:
        """Return the first finding of each step."""
        found: dict[int, Finding] = {}
        for one in sorted(self.verify(**asked).findings, key=lambda one: (one.position, one.step)):
            found.setdefault(one.step, one)
        return found

    def restore(self) -> None:
        restore(self.operator)
        self.remembered.write_bytes(self.memory)

    @property
    def remembered(self) -> Path:
        return self.settings.data_dir / "keys" / "log-signed.json"

    def object_of(self, file: UUID) -> Path:
        state = self.services.ledger.recorder.file(file)
        return self.settings.data_dir / "objects" / state.path

    # -- the forger ------------------------------------------------------------------------------------------

    def tamper(self, *statements: str) -> None:
        tamper(self.operator, *statements)

    def states(self) -> list[bytes]:
        rows = self.operator.execute("select state from provenstore.event order by position")
        return [bytes(state) for (state,) in rows]

    def stream_at(self, position: int) -> str:
        return str(json.loads(self.states()[position - 1])["stream"])

    def rewrite(self, forge: Callable[[list[Row]], None]) -> None:
        """Write the whole log anew after `forge` has had its way: every hash, link, number and column agrees."""
        rows = [json.loads(state) for state in self.states()]
        forge(rows)
        sealed = list(_sealed(rows))
        with self.operator.transaction():
            self.operator.execute("alter table provenstore.event disable trigger user")
            self.operator.execute("truncate provenstore.event")
            with self.operator.cursor() as cursor:
                cursor.executemany(_INSERT, sealed)
            self.operator.execute(GUARDS_ON)

    def retile(self) -> None:
        """Make tiles and size those of the log as it is now."""
        states = self.states()
        with self.operator.transaction():
            for table in ("tile", "tree"):
                self.operator.execute(f"alter table provenstore.{table} disable trigger user".encode())
            self.operator.execute("delete from provenstore.tile")
            for key, hashes in whole_tree(map(leaf_hash, states)):
                self.operator.execute("insert into provenstore.tile values (%s, %s, %s)", (*key, hashes))
            self.operator.execute("update provenstore.tree set size = %s", (len(states),))
            self.operator.execute(GUARDS_ON)

    def root(self, size: int) -> bytes:
        """Return the root of the log as it is now."""
        tree = Frontier()
        for state in self.states()[:size]:
            tree.append(leaf_hash(state))
        return tree.root()


_INSERT = """
insert into provenstore.event (position, id, stream, version, workspace, number, type, time, leaf, state)
values (
    %(position)s, %(id)s, %(stream)s, %(version)s, %(workspace)s,
    %(number)s, %(type)s, %(time)s, %(leaf)s, %(state)s
)
"""


def _sealed(rows: list[Row]) -> Iterator[Mapping[str, Any]]:
    """Yield the columns of rows, with all links made anew."""
    streams: dict[str, tuple[int, str | None]] = {}
    workspaces: dict[str, tuple[int, str | None]] = {}
    for position, row in enumerate(rows, start=1):
        (version, prev), (number, before) = (
            streams.get(row["stream"], (0, None)),
            workspaces.get(row["workspace"], (0, None)),
        )
        links = {"version": version + 1, "prev": prev, "number": number + 1, "workspace_prev": before}
        state = canonical({**row, **links})
        leaf = leaf_hash(state)
        streams[row["stream"]] = (version + 1, leaf.hex())
        workspaces[row["workspace"]] = (number + 1, leaf.hex())
        columns = {name: row[name] for name in ("id", "stream", "workspace", "type", "time")}
        yield {
            **columns,
            "version": version + 1,
            "number": number + 1,
            "position": position,
            "leaf": leaf,
            "state": state,
        }


@contextmanager
def kept_ledger(folder: Path, *, files: int) -> Iterator[KeptLedger]:
    """Store files, sign four times on the way, and keep it for tests that put back what they break."""
    settings = load_settings(data_dir=folder / "data")
    with open_services(settings, sweep=False) as services:
        services.ledger.create_workspace(ADMIN, CreateWorkspace(id="acme"))
        stored, heads = [], []
        for number in range(files):
            stored.append(_store(services))
            if number % (files // 3) == 0:
                signed = log.bring_up(services)
                assert signed is not None
                heads.append(signed.size)
        with services.connect() as connection:
            host = connection.info.host
        with psycopg.connect(host=host, user=SUPERUSER, dbname="provenstore", autocommit=True) as operator:
            back_up(operator)
            memory = (settings.data_dir / "keys" / "log-signed.json").read_bytes()
            yield KeptLedger(settings, services, operator, tuple(stored), tuple(heads), memory)


def _store(services: Services) -> UUID:
    new = NewFile(workspace="acme", filename="a.pdf", media_type="application/pdf", category="misc")
    file = services.ledger.initiate(SERVICE, new)
    services.ledger.upload_content(SERVICE, file.id, [b"content"], size=7)
    return file.id
