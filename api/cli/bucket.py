"""`bucket`: what the bucket of the settings can do, whether it is as it must be, and repairing what may be repaired."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provenstore.api.cli import exits
from provenstore.api.cli.rows import Table
from provenstore.api.cli.session import Session, local_command, plain_command

if TYPE_CHECKING:
    from provenstore.adapters.spaces.client import Bucket
    from provenstore.domain.storage.objects import Capabilities

_LOOK = "an upload looks first and writes then; keys that one upload alone ever writes keep files apart"
FOLLOWS: Mapping[str, tuple[str, str]] = {
    "if_absent_put": ("of several writers of a key exactly one wins", _LOOK),
    "if_absent_copy": ("a copy never overwrites", "a copy looks first and writes then"),
    "if_absent_complete": ("the end of an upload in parts never overwrites", "it looks first, and compares after"),
    "if_etag_delete": ("what is deleted is what was seen", "a deletion looks first and deletes then"),
    "late_parts": ("parts by URL land at a temporary key and are copied", "parts by URL land where the file is kept"),
    "signed_if_absent": (
        "an upload by URL lands where the file is kept: the URL cannot overwrite",
        "an upload by URL lands at a temporary key and is copied",
    ),
    "omits_parts": ("stored parts may be left out", "every stored part of an upload has to be named at its end"),
    "versioning": ("each file names its version; a purge removes all of them", "one version of each file"),
    "sound_put_urls": (
        "URLs for PUT lead to the bucket: unsigned headers have no effect",
        "URLs for PUT lead to this server: the bucket's would permit more than a write",
    ),
    "sound_part_urls": (
        "URLs for parts lead to the bucket: unsigned headers have no effect",
        "URLs for parts lead to this server: the bucket's would permit more than a write",
    ),
    "sound_forms": (
        "uploads up to 10 MiB go to the bucket by form: unsigned fields have no effect",
        "no uploads by form",
    ),
    "presign": ("links and uploads by URL", "all bytes pass through the server"),
    "direct": ("their bytes do not pass through the server", "their bytes pass through the server"),
}
"""What it means that a bucket can do something, or cannot."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    bucket = typer.Typer(no_args_is_help=True)
    app.add_typer(bucket, name="bucket", help="Check, probe and configure the bucket.")

    @local_command(bucket, "probe", lists=True)
    def probe(session: Session) -> None:
        """Test which features the bucket supports.

        Sends a few hundred small requests, removes its test objects and records the result if it has changed. Running
        servers use the result from their next start.
        """
        from provenstore.api.bucket import probe_bucket
        from provenstore.api.settings import load_settings
        from provenstore.api.system_user import system_user
        from provenstore.api.wiring import open_providers

        settings = load_settings(data_dir=session.data_dir)
        with open_providers(settings) as providers:
            found, is_new = probe_bucket(settings, providers, system_user())
        can = _shown(found.capabilities)
        if session.out.as_json:
            session.out.document({"host": found.host, "probe": found.probe, "recorded": is_new, "capabilities": can})
            return
        rows = [_row(name, value) for name, value in can.items()]
        session.out.table(Table(columns=("CAPABILITY", "VALUE", "EFFECT"), rows=rows))
        session.out.say("recorded" if is_new else "as it was known: nothing to record")

    @plain_command(bucket, "check")
    def check(session: Session) -> None:
        """Check the bucket's settings and permissions.

        Checks the access key, permissions, clock, certificate, public access and rules. Needs no database. The exit
        code is 1 if a check failed; a warning may be intended.
        """
        from provenstore.adapters.clock import SystemClock
        from provenstore.adapters.spaces.check import check

        findings = check(_bucket(), SystemClock().now)
        sound = all(one.status != "failed" for one in findings)
        if session.out.as_json:
            checks = [
                {"check": one.what, "status": one.status, "found": one.found, "advice": one.advice} for one in findings
            ]
            session.out.document({"ok": sound, "checks": checks})
        else:
            rows = [(one.status, one.what, one.found, one.advice or "") for one in findings]
            session.out.table(Table(columns=("STATUS", "CHECK", "RESULT", "ADVICE"), rows=rows))
        if not sound:
            raise typer.Exit(exits.REFUSED)

    @plain_command(bucket, "harden")
    def harden(
        session: Session,
        versioning: Annotated[bool, typer.Option("--versioning", help="Also turn on object versioning.")] = False,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the changes.")] = False,
    ) -> None:
        """Apply recommended bucket settings.

        Unfinished uploads are removed after a day, and the bucket is made private. Existing rules stay as they are.
        Running the command again changes nothing. The exit code is 1 if the server refused a change.
        """
        from provenstore.adapters.spaces.harden import harden

        repairs = harden(_bucket(), versioning=versioning, dry_run=dry_run)
        if session.out.as_json:
            listed = [{"repair": one.what, "result": one.result, "told": one.told} for one in repairs]
            session.out.document({"repairs": listed})
        else:
            rows = [(one.result, one.what, one.told) for one in repairs]
            session.out.table(Table(columns=("RESULT", "SETTING", "VALUE"), rows=rows))
        if any(one.result == "failed" for one in repairs):
            raise typer.Exit(exits.REFUSED)


def _bucket() -> "Bucket":
    from provenstore.api.bucket import bucket_of
    from provenstore.api.settings import load_settings

    return bucket_of(load_settings())


def _shown(capabilities: "Capabilities") -> dict[str, Any]:
    found = {**vars(capabilities), "checksums": sorted(capabilities.checksums)}
    return {**found, "unsigned": list(capabilities.unsigned)}


def _row(name: str, value: Any) -> tuple[str, str, str]:
    if isinstance(value, bool):
        return name, "yes" if value else "no", FOLLOWS[name][0 if value else 1]
    if name == "unsigned":
        return name, ", ".join(value) or "none", "unsigned headers and fields that had an effect"
    if name == "checksums":
        return name, ", ".join(value) or "none", "digests that the bucket tells without the object being read"
    return name, f"{value:,}", "parts" if name == "max_parts" else "bytes"
