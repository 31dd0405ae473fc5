"""Rows that are measured already, in a file of one JSON object a line, and their summary."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accelerator import plan
from benchmarks.accelerator.plan import Row

Found = dict[str, Any]


class Results:
    """Results by row.

    Args:
        path: The file. It need not exist. A line that was cut off counts as absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[Row, Found] = {}
        for line in path.read_text().splitlines() if path.is_file() else []:
            try:
                entry = json.loads(line)
                self.found[Row(**entry["row"])] = entry["found"]
            except (json.JSONDecodeError, KeyError, TypeError):
                continue

    def is_done(self, row: Row) -> bool:
        """Return whether a row was measured; one that failed is measured again."""
        return "failed" not in self.found.get(row, {"failed": ""})

    def keep(self, row: Row, found: Found) -> None:
        """Add the result of a row to the file."""
        self.found[row] = found
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before = self.path.read_text() if self.path.is_file() else ""
        gap = "" if before.endswith("\n") or not before else "\n"  # After a line that was cut off.
        with self.path.open("a") as file:
            entry = json.dumps({"row": dataclasses.asdict(row), "found": found})
            file.write(f"{gap}{entry}\n")

    def summary(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the results of rows, the speed of JAX over PyTorch, and the rows to come."""
        done = [row for row in rows if row in self.found]
        return {
            "rows": [{**dataclasses.asdict(row), **self.found[row]} for row in done],
            "jax_over_torch": list(self._ratios(done)),
            "to_come": ["/".join(_name(row)) for row in rows if not self.is_done(row)],
        }

    def _ratios(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Return JAX's images per second over those of each PyTorch, for each network and type."""
        rates = {_name(row): self.found[row].get("images_per_second") for row in rows}
        found = []
        for network, precision in dict.fromkeys(name[:2] for name in rates):
            ours = rates.get((network, precision, plan.JAX))
            theirs = {
                name: round(ours / rate, 3)
                for name in (plan.EAGER, plan.COMPILED, plan.GRAPHS)
                if ours and (rate := rates.get((network, precision, name)))
            }
            if theirs:
                found.append({"network": network, "precision": precision, **theirs})
        return found


def measure_all(
    results: Results,
    rows: Sequence[Row],
    measure: Callable[[Row, float], Found],
    left: Callable[[], float],
    least: float,
    most: float,
    say: Callable[[str], Any],
) -> None:
    """Measure the rows that are not done, as long as there is time.

    Args:
        results: Where they are kept, each as soon as it is measured.
        rows: The rows in their order.
        measure: From a row and its limit in seconds to the result, with `failed` if it failed.
        left: Returns the seconds that are left.
        least: Seconds under which no row is begun.
        most: Seconds after which a row is ended.
        say: Called with a line of text for each row.
    """
    for row in rows:
        name = "/".join(_name(row))
        if results.is_done(row):
            say(f"{name}: done before")
            continue
        if left() < least:
            say(f"{name}: no time is left")
            return
        found = measure(row, min(most, left()))
        results.keep(row, found)
        rate = found.get("images_per_second")
        say(f"{name}: {found['failed'] if rate is None else f'{rate:,.0f} images/s'}")


def _name(row: Row) -> tuple[str, str, str]:
    return row.network, row.precision, row.library
