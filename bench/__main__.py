"""Run groups of measurements and keep their results.

    python -m bench [GROUP …] [--size MIB] [--files N] [--events N] [--rounds N] [--seconds S]

Each measurement and its peers alternate for five rounds; the median counts, every raw value is printed. The options
make runs smaller while something is developed; figures are told of the defaults. Results go to `bench/results.json`: a
list of {"group", "name", "value", "unit", "peer", "peer_value", "ratio"}.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

GROUPS = {
    "transfer": ("transfer", "spaces"),
    "append": ("append",),
    "project": ("project",),
    "rebuild": ("rebuild",),
    "query": ("query",),
    "proofs": ("tree", "documents"),
    "api": ("api",),
}
"""The modules of each group."""

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    size: int = 1024**3  # bytes of a large file
    files: int = 500  # of 4 KiB
    events: int = 1_000_000  # of a log
    rounds: int = 5
    seconds: float = 3  # of one round of threads


@dataclass(frozen=True)
class Result:
    """One figure beside one peer (or none)."""

    group: str
    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None


def alternate(contenders: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Run all contenders in turn, `rounds` times; print raw values and return the median of each."""
    raw: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            raw[name].append(measure())
    for name, values in raw.items():
        print(f"    {name}: {' '.join(f'{value:.4g}' for value in values)}")
    return {name: statistics.median(values) for name, values in raw.items()}


def compared(group: str, name: str, unit: str, medians: dict[str, float]) -> Iterable[Result]:
    """Yield the first contender's figure beside each of the others."""
    (_, value), *peers = medians.items()
    for peer, peer_value in peers:
        yield Result(group, name, value, unit, peer, peer_value, value / peer_value)


def main() -> None:
    """Run the wanted groups, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--size", type=int, default=1024, help="MiB of a large file")
    parser.add_argument("--files", type=int, default=Scale.files, help="how many small files")
    parser.add_argument("--events", type=int, default=Scale.events, help="how many events a log has")
    parser.add_argument("--rounds", type=int, default=Scale.rounds)
    parser.add_argument("--seconds", type=float, default=Scale.seconds, help="of one round of threads")
    asked = parser.parse_args()
    if unknown := set(asked.groups) - GROUPS.keys():
        parser.error(f"there is no group {min(unknown)}")
    scale = Scale(
        size=asked.size * 1024**2,
        files=asked.files,
        rounds=asked.rounds,
        seconds=asked.seconds,
        events=asked.events,
    )
    results: list[Result] = []
    for group in asked.groups or GROUPS:
        print(f"{group}:")
        for module in GROUPS[group]:
            # Only now: what one group's peers do to warnings and logs at import must not reach the others.
            for result in import_module(f"bench.{module}").run(scale):
                beside = f", {result.peer} {result.peer_value:.4g}, ratio {result.ratio:.3g}" if result.peer else ""
                print(f"  {result.name}: {result.value:.4g} {result.unit}{beside}", flush=True)
                results.append(result)
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
