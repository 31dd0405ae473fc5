"""What groups of measurements give back, as Markdown in docs/performance.md."""

import dataclasses
import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from training.benchmark.paired import Measured, ratios, spread

# Headings of `compared`.
COMPARED = ("", "images/s", "speed", "speed by CPU time", "CPU us/image", "peak MB", "foreign CPU")
NOISY = 0.1  # Processors kept busy by others, above which times of two cores are doubtful.


@dataclasses.dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        title: Its heading.
        text: What stands above the table.
        header: Headings of the columns; the first is on the left, others on the right.
        rows: Cells.
    """

    title: str
    text: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The section as text."""
        from export.tables import table

        columns = [(name, "r" if number else "l") for number, name in enumerate(self.header)]
        return f"### {self.title}\n\n{self.text}\n\n{table(columns, self.rows)}"


def write(page: Path, group: str, section: Section) -> None:
    """Replace the group's section of a page; the rest stays."""
    from export.catalogue.page import replaced
    from keras_vae.files import write_atomically

    text = replaced(page.read_text(), section.markdown(), f"make bench, {group}")
    write_atomically(page, lambda new: new.write_text(text))


def machine() -> str:
    """Where and when, for the text above a table."""
    from training import runs
    from training.benchmark.child import CORES

    kept = os.environ.get(CORES)
    cores = f"{kept} of {os.cpu_count()} processors" if kept else f"{os.cpu_count()} processors"

    versions = ", ".join(f"{name} {version}" for name, version in runs.versions().items())
    return f"{cores}, {_processor()}; {versions}; {datetime.date.today().isoformat()}."


def compared(found: Sequence[Measured], amount: int, to: str) -> list[list[str]]:
    """Rows: name, examples a second, how many times as fast as `to`, processor time, memory.

    Args:
        found: From `paired.measure`; `to` is the name of one of them.
        amount: Examples of one unit.
        to: What the others are compared with.
    """
    reference = next(measured for measured in found if measured.peer.name == to)
    rows = []
    for measured in found:
        if measured.why_not is not None or reference.why_not is not None:
            rows.append([measured.peer.name, missing(measured), *[""] * (len(COMPARED) - 2)])
            continue
        rows.append(
            [
                measured.peer.name,
                f"{measured.rate(amount):,.0f}",
                spread(ratios(measured, reference, amount)),
                spread(ratios(measured, reference, amount, "cpu")),
                f"{1e6 * measured.middle('cpu') / (measured.peer.amount or amount):,.0f}",
                f"{max(unit['memory'] for unit in measured.units):,.0f}",
                f"{measured.middle('foreign'):.2f}",
            ]
        )
    return rows


def missing(measured: Measured) -> str:
    """What a row says of a peer that could not run."""
    why = measured.why_not or "not compared"
    return why if why.startswith(("failed", "not ")) else f"not installed: {why}"


def noise(found: Sequence[Measured]) -> str:
    """A sentence about others on the machine, where they were."""
    busy = max((m.middle("foreign") for m in found if m.units), default=0.0)
    if busy <= NOISY:
        return "The machine did nothing else."
    return (
        f"**The machine was not quiet**: others kept up to {busy:.1f} processors busy (median of a "
        "row). Ratios are paired, so they hold better than rates; libraries whose threads wait for "
        "each other suffer more from it than others."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    wide = " with AVX-512" if "avx512f" in flags else ""
    return (names[0] if names else platform.processor()) + wide
