"""Writes `adapters/postgres/sql/fingerprint.json` from a freshly migrated database: run by `make fingerprint`."""

import json
import tempfile
from pathlib import Path

import psycopg

from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.postgres import fingerprint, migrations

FILE = Path(__file__).parents[1] / "adapters" / "postgres" / "sql" / fingerprint.FILE


def main() -> None:
    """Start, migrate, write, stop."""
    with tempfile.TemporaryDirectory(prefix="fingerprint-") as folder:
        directory = DataDirectory(Path(folder) / "data")
        with EmbeddedPostgres(directory, durable=False) as running:
            running.bootstrap()
            migrations.migrate(running.conninfo(OWNER))
            with psycopg.connect(running.conninfo(OWNER)) as connection:
                found = fingerprint.objects(connection)
    on_file = {"migration": migrations.available()[-1].number, "objects": found}
    FILE.write_text(json.dumps(on_file, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
