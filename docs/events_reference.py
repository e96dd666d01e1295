"""Writes docs/reference/events.md from the registry: `python docs/events_reference.py` after changing an event type."""

from pathlib import Path

from provenstore.domain.custody.event_catalog import REGISTRY, TYPE_NAMES
from provenstore.domain.eventlog.event_types import CLIENT

TARGET = Path(__file__).parent / "reference" / "events.md"

HEAD = """# Events

Generated from the registry. Every event is one line of canonical JSON (RFC 8785), stored, hashed and exported as these
exact bytes. All fields of the envelope are always there, `null` where there is nothing:

| field | meaning |
|---|---|
| `id` | UUIDv7 of the event |
| `type` | stable versioned name, from the table below |
| `stream`, `version`, `prev` | e.g. `file:<id>`; dense from 1; leaf hash of the stream's previous event |
| `workspace`, `number`, `workspace_prev` | tenant; dense from 1 within it; leaf hash of its previous event |
| `time`, `occurred` | RFC 3339 UTC with six decimals, stamped when the order is made; when it happened, if earlier |
| `actor` | `id`, `kind` (service, person, system), `via` (api_key, oidc, cli, system), `credential` |
| `on_behalf_of`, `session`, `request`, `cause` | opaque ids of the request |
| `outcome`, `decision` | ok, denied or failed; the rule and its version |
| `data` | the type's own fields |
| `private` | field name → SHA-256(32-byte salt ‖ canonical JSON of the value), hex; the value lies beside the log |

Streams: `file:` (a file's lifecycle), `parts:` (its chunks), `access:` (its accesses and refusals), `workspace:`,
`actor:`, `credential:`, `audit:` (who read the audit), `refusals:` (what callers of a workspace were refused),
`provider:` (what the object store can do), `system:` (what operators decide).

Every event of a request also has the private values `address` and `user_agent`: where the request came from, and the
program that sent it. Events of commands on a data directory and of background work have neither.

| type | what happened | data | private |
|---|---|---|---|
"""


def render() -> str:
    """Return the page."""
    rows = []
    for name in TYPE_NAMES:
        data = REGISTRY.require_writable(name)
        if not data.__module__.startswith("provenstore."):
            continue  # registered by somebody else in this process
        said = (data.__doc__ or "").strip().splitlines()[0]
        fields = ", ".join(f"`{field}`" for field in data.model_fields)
        private = ", ".join(f"`{field}`" for field in sorted(data.PRIVATE - CLIENT))
        rows.append(f"| `{name}` | {said} | {fields} | {private} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render())
