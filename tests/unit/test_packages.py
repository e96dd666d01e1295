"""The package lists of pyproject.toml name every folder with code, and each is under its contract of imports."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("domain", "projections", "adapters", "api")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_package_is_in_the_wheel() -> None:
    """A folder that is not listed works from a checkout and is missing from the wheel."""
    folders = {file.parent.relative_to(ROOT) for floor in FLOORS for file in (ROOT / floor).rglob("*.py")}
    named = {f"provenstore.{'.'.join(folder.parts)}": folder.as_posix() for folder in folders}

    setuptools = PROJECT["tool"]["setuptools"]

    assert set(setuptools["packages"]) == set(named)
    assert setuptools["package-dir"] == named


def test_every_wing_has_a_door() -> None:
    """A wing's `__init__.py` says what the wing does, what it may import and where to begin."""
    doors = [file for floor in FLOORS for file in (ROOT / floor).glob("*/__init__.py")]

    silent = [door.relative_to(ROOT).as_posix() for door in doors if "Begin with" not in door.read_text("utf-8")]

    assert not silent
