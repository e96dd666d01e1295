"""Run groups of measurements and keep their results.

    python -m bench [GROUP …]

Each measurement and its peers alternate for five rounds; the median counts, every raw value is printed. Results go to
`bench/results.json`: a list of {"group", "name", "value", "unit", "peer", "peer_value", "ratio"}.
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 5
RESULTS = Path(__file__).parent / "results.json"


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


def alternate(contenders: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
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


def main(wanted: list[str]) -> None:
    """Run the wanted groups, or all."""
    from bench import transfer

    groups: dict[str, Callable[[], Iterable[Result]]] = {"transfer": transfer.run}
    results: list[Result] = []
    for group in wanted or groups:
        print(f"{group}:")
        for result in groups[group]():
            beside = f", {result.peer} {result.peer_value:.4g}, ratio {result.ratio:.3g}" if result.peer else ""
            print(f"  {result.name}: {result.value:.4g} {result.unit}{beside}")
            results.append(result)
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
