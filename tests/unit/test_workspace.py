"""Workspaces: what they are made of, and what changes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provenstore.domain.errors import AlreadyExists, InvalidInput, NotFound
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants.workspace_events import Limits
from sealing import SealedLog


def _made(*commands: Any) -> ws.Workspace:
    log, state = SealedLog(), None
    for command in (ws.CreateWorkspace(id="acme", name="Acme", max_bytes=100), *commands):
        state = ws.project(state, log.record(ws.decide(state, command), stream="workspace:acme"))
    assert state is not None
    return state


def test_four_eyes_are_the_default() -> None:
    """A purge takes two persons unless the workspace says otherwise."""
    assert _made().four_eyes


def test_quota_and_limits_change() -> None:
    """The newest event counts."""
    state = _made(
        ws.SetQuota(max_bytes=None, max_files=5),
        ws.SetLimits(category="misc", limits=Limits(max_size=10)),
        ws.RegisterCategory(category="scans", template="{workspace}/scans/", limits=Limits(extensions=("tiff",))),
    )
    assert (state.max_bytes, state.max_files) == (None, 5)
    assert state.category("misc").max_size == 10
    assert state.category("scans").extensions == ("tiff",)


def test_the_longest_expiry_ends_within_the_calendar() -> None:
    """Or a file could be published and never be recorded as stored."""
    assert (datetime(9000, 1, 1, tzinfo=UTC) + timedelta(seconds=ws.MAX_EXPIRES_AFTER)).year < 9999


def test_unknown_category() -> None:
    """Named with its field."""
    with pytest.raises(InvalidInput, match="category"):
        _made().category("secret_plans")


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (ws.CreateWorkspace(id="acme"), AlreadyExists),
        (ws.RegisterCategory(category="misc", template="a/", limits=Limits()), AlreadyExists),
        (ws.SetLimits(category="nope", limits=Limits()), InvalidInput),
        (ws.SetLimits(category="misc", limits=Limits(max_size=-1)), InvalidInput),
        (ws.SetLimits(category="misc", limits=Limits(expires_after=ws.MAX_EXPIRES_AFTER + 1)), InvalidInput),
        (ws.SetLimits(category="misc", limits=Limits(extensions=("a/b",))), InvalidInput),
        (ws.SetQuota(max_bytes=-1, max_files=None), InvalidInput),
        (ws.SetQuota(max_bytes=2**53, max_files=None), InvalidInput),
    ],
)
def test_refusals(command: Any, error: type[Exception]) -> None:
    """Nothing is recorded that could not hold."""
    with pytest.raises(error):
        ws.decide(_made(), command)


@pytest.mark.parametrize("name", ["system", "Acme", "a/b", ""])
def test_ids_that_no_workspace_may_have(name: str) -> None:
    """The ledger's own name and everything that is not a slug."""
    with pytest.raises(InvalidInput):
        ws.decide(None, ws.CreateWorkspace(id=name))


def test_a_workspace_that_does_not_exist_is_not_changed() -> None:
    """There is nothing to change."""
    with pytest.raises(NotFound):
        ws.decide(None, ws.SetQuota(max_bytes=1, max_files=1))


def test_setting_the_same_policy_again_is_no_event() -> None:
    """History tells changes only."""
    assert ws.decide(_made(), ws.SetPurgePolicy(four_eyes=True, reason="again")) == ()
