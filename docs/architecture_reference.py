"""Draws the house from its imports into docs/explanation/architecture.md: run after moving, adding or joining wings."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = Path(__file__).parent / "explanation" / "architecture.md"
FLOORS = ("api", "adapters", "projections", "domain")
BEGIN, END = "<!-- drawn by docs/architecture_reference.py -->\n", "<!-- end of the drawing -->\n"
FOUNDATION = "foundation"


def modules() -> dict[str, Path]:
    """Return every module of the product by its dotted name, `domain.files.file`."""
    found = (file for floor in FLOORS for file in (ROOT / floor).rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in found}


def wing_of(module: str) -> tuple[str, str]:
    """Return floor and wing of a module; modules beside the wings are the foundation, or a storey of their own."""
    floor, *rest = module.split(".")
    if len(rest) > 1 or (ROOT / floor / (rest[0] if rest else "")).is_dir():
        return floor, rest[0] if rest else FOUNDATION
    return floor, rest[0] if rest[0] in _ALONE else FOUNDATION


_ALONE = frozenset({"ledger", "services", "wiring", "bucket"})
"""Modules that are a storey of their own."""


def imported(file: Path, names: Mapping[str, Path]) -> Iterator[str]:
    """Yield the modules of the product that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("provenstore."):
            base = node.module.removeprefix("provenstore.")
            yield from (f"{base}.{one.name}" if f"{base}.{one.name}" in names else base for one in node.names)


def arrows() -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Return for each wing the wings that it imports."""
    names = modules()
    found: dict[tuple[str, str], set[tuple[str, str]]] = {wing_of(name): set() for name in names if "." in name}
    for name, file in names.items():
        if "." not in name:
            continue  # the door of a floor
        found[wing_of(name)] |= {wing_of(one) for one in imported(file, names) if one in names}
    return {wing: below - {wing} for wing, below in found.items()}


def _direct(found: dict[tuple[str, str], set[tuple[str, str]]]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Yield the arrows within a floor that no longer way says already."""
    inside = {wing: {one for one in below if one[0] == wing[0]} for wing, below in found.items()}

    def reached(wing: tuple[str, str]) -> set[tuple[str, str]]:
        return inside[wing].union(*(reached(one) for one in inside[wing]))

    for wing, below in sorted(inside.items()):
        yield from ((wing, one) for one in sorted(below) if not any(one in reached(other) for other in below - {one}))


def render() -> str:
    """Return the page with the drawing that the imports make now."""
    found = arrows()
    lines = ["```mermaid", "flowchart TD"]
    for floor in FLOORS:
        lines.append(f'  subgraph {floor}["{floor}/"]')
        lines += [f'    {floor}.{wing}["{wing}"]' for at, wing in sorted(found) if at == floor]
        lines.append("  end")
    lines += [f"  {'.'.join(wing)} --> {'.'.join(one)}" for wing, one in _direct(found)]
    crossing = {(wing[0], one[0]) for wing, below in found.items() for one in below if one[0] != wing[0]}
    lines += [f"  {upper} ==> {lower}" for upper, lower in sorted(crossing) if (upper, lower) != ("api", "domain")]
    lines.append("```")
    doors = [f"| `{floor}/{wing}/` | {_job(floor, wing)} |" for floor, wing in sorted(found) if _is_wing(floor, wing)]
    table = ["| wing | job |", "|---|---|", *doors]
    head, _, rest = TARGET.read_text("utf-8").partition(BEGIN)
    return head + BEGIN + "\n".join([*lines, "", *table]) + "\n" + END + rest.partition(END)[2]


def _is_wing(floor: str, wing: str) -> bool:
    return (ROOT / floor / wing / "__init__.py").exists()


def _job(floor: str, wing: str) -> str:
    """Return the first sentence of a wing's door."""
    text = ast.get_docstring(ast.parse((ROOT / floor / wing / "__init__.py").read_text("utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).removesuffix(".")


if __name__ == "__main__":
    TARGET.write_text(render(), "utf-8")
