"""Another process goes on where the leading one died."""

import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from provenstore.api.services import Services
from provenstore.api.settings import load_settings
from provenstore.api.wiring import open_services
from provenstore.domain.eventlog.envelope import Actor
from provenstore.domain.files import file_commands as c
from provenstore.domain.tenants.workspace import CreateWorkspace
from provenstore.domain.uploads.initiation import NewFile
from tests.api.conftest import ROOT

PROVENSTORE = str(Path(sys.executable).with_name("provenstore"))


def approved_purge(services: Services) -> UUID:
    """Leave a purge that was approved by a process which died right after."""
    ledger = services.ledger
    ledger.create_workspace(ROOT, CreateWorkspace(id="acme"))
    new = NewFile(workspace="acme", filename="a.pdf", media_type="application/pdf", category="misc")
    file = ledger.initiate(ROOT, new)
    ledger.upload_content(ROOT, file.id, [b"content"])
    ledger.soft_delete(ROOT, file.id)
    ledger.request_purge(ROOT, file.id, None)
    recorder = ledger.recorder
    approver = replace(ROOT, actor=Actor("second", "person", "cli"))
    recorder.change(
        approver, "file.purge_approve", file.id, lambda _, now: c.ApprovePurge(by=approver.actor, now=now, reason=None)
    )
    return file.id


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    """Killed without a word while it led: the other one does what is due within seconds, not at its next round."""
    command = [PROVENSTORE, "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as leader:
        try:
            assert leader.stderr is not None
            assert re.match("Provenstore on", leader.stderr.readline())
            with open_services(load_settings(data_dir=tmp_path / "data")) as services:
                file_id = approved_purge(services)
                assert not services.runner.leading
                leader.kill()
                deadline = time.monotonic() + 20
                while services.ledger.recorder.file(file_id).status != "purged" and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert services.runner.leading
                assert services.ledger.recorder.file(file_id).status == "purged"
        finally:
            leader.kill()
