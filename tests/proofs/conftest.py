"""Proofs before judges that were not written here, which live in an environment of their own.

`make test-proofs` makes that environment and names it. Without its name nothing here is collected; with it, a judge
that is missing or dies fails the tests.
"""

import os
from pathlib import Path

import pytest

from proof_judges import Judge, judges

_ENVIRONMENT = os.environ.get("PROOF_JUDGES")

collect_ignore_glob = [] if _ENVIRONMENT else ["test_*.py"]


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    """Return the judge that the test is parametrized with, by name."""
    return judges(Path(_ENVIRONMENT or ""))[request.param]


@pytest.fixture
def environment() -> Path:
    """Return the virtual environment that the judges live in."""
    return Path(_ENVIRONMENT or "")
