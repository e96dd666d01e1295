"""The catalogue of events holds every type, whatever a process has loaded so far."""

import subprocess
import sys

from provenstore.domain.custody import event_catalog
from provenstore.domain.eventlog.event_types import REGISTRY


def test_it_names_every_type_that_the_product_registers() -> None:
    """A type that a module registers and the catalogue leaves out would be unknown to whoever has not loaded it."""
    registered = {REGISTRY.require_writable(name) for name in REGISTRY.names}

    assert set(event_catalog.EVENT_TYPES) == {one for one in registered if one.__module__.startswith("provenstore.")}


def test_a_filter_takes_a_type_of_which_nothing_was_loaded() -> None:
    """A process that has asked nothing of the log's keys yet may still filter by them."""
    asked = (
        "from provenstore.projections.audit.query import AuditFilter\n"
        "print(AuditFilter(type=('log.keys_changed.v1',)).asked())"
    )

    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)

    assert "log.keys_changed.v1" in found.stdout, found.stderr
