"""Tables of the benchmarks, as Markdown in docs/performance.md."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.paired import Measurement, ratios, spread

# Headings of `comparison_rows`.
COMPARED = ("", "images/s", "speed", "speed by CPU time", "CPU us/image", "peak MB", "foreign CPU")
NOISY = (
    0.1  # Processors kept busy by other programs, above which times on two cores are unreliable.
)


@dataclasses.dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        title: The heading of the section.
        text: The text above the table.
        header: Headings of the columns; the first is aligned left, the others right.
        rows: The cells of each row.
    """

    title: str
    text: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return the section as Markdown."""
        from keras_vae.training.tables import table

        columns = [(name, "r" if number else "l") for number, name in enumerate(self.header)]
        return f"### {self.title}\n\n{self.text}\n\n{table(columns, self.rows)}"


def write(page: Path, group: str, section: Section) -> None:
    """Replace the group's section of a page, and nothing else."""
    from keras_vae.files.atomic import write_atomically
    from tools.catalogue.page import replace_section

    text = replace_section(page.read_text(), section.markdown(), f"make bench, {group}")
    write_atomically(page, lambda new: new.write_text(text))


def machine() -> str:
    """Return the machine, versions and date, for the text above a table."""
    from benchmarks.child import CORES
    from keras_vae.training.runs import provenance

    kept = os.environ.get(CORES)
    cores = f"{kept} of {os.cpu_count()} processors" if kept else f"{os.cpu_count()} processors"

    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions().items())
    made = f"{provenance.processor()}, {provenance.date()[:10]}"
    return f"Machine: {cores}, {made}. Versions: {versions}."


def comparison_rows(found: Sequence[Measurement], amount: int, to: str) -> list[list[str]]:
    """Return rows of name, examples per second, speed relative to `to`, CPU time, and memory.

    Args:
        found: From `paired.measure`; `to` is the name of one of them.
        amount: Examples in one unit.
        to: Name of the peer that the others are compared with.
    """
    reference = next(measured for measured in found if measured.peer.name == to)
    rows = []
    for measured in found:
        if not (measured.can_run and reference.can_run):
            rows.append([measured.peer.name, failure_text(measured), *[""] * (len(COMPARED) - 2)])
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


def failure_text(measured: Measurement) -> str:
    """Return the cell of a peer that could not run."""
    if measured.missing is not None:
        return f"not installed: {measured.missing}"
    return measured.failure or "not compared"


def noise(found: Sequence[Measurement]) -> str:
    """Return a sentence about other load on the machine."""
    busy = max((m.middle("foreign") for m in found if m.units), default=0.0)
    if busy <= NOISY:
        return "The machine did nothing else."
    return (
        f"**The machine was not quiet**: others kept up to {busy:.1f} processors busy (median of a "
        "row). Ratios are paired, so they hold better than rates; libraries whose threads wait for "
        "each other suffer more from it than others."
    )
