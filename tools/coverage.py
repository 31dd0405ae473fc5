"""Line coverage by package, from a report of coverage.py: python -m tools.coverage REPORT.json."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# Modules below this percentage are listed.
LEAST = 85.0


def package(path: str) -> str:
    """Return the package of a module: two folders deep in keras_vae, one elsewhere."""
    folders = Path(path).parts[:-1]
    return "/".join(folders[: 2 if folders[0] == "keras_vae" else 1])


def counts(report: Mapping[str, Any]) -> dict[str, Counter[str]]:
    """Return the numbers of all and of covered lines of each package, and of all together."""
    found: dict[str, Counter[str]] = {}
    for path, file in report["files"].items():
        lines = Counter(
            all=file["summary"]["num_statements"], covered=file["summary"]["covered_lines"]
        )
        found.setdefault(package(path), Counter()).update(lines)
    return {**dict(sorted(found.items())), "all": sum(found.values(), Counter())}


def table(reports: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table of packages, then the modules below `LEAST` in the first report.

    Args:
        reports: Reports of `coverage json`, one for each column.
    """
    each = [counts(report) for report in reports]
    yield "| package | lines |" + " covered |" * len(each)
    yield "|---|---|" + "---|" * len(each)
    for name, lines in each[0].items():
        yield f"| {name} | {lines['all']:,} | {' | '.join(_percent(one[name]) for one in each)} |"
    yield from ("", f"Below {LEAST:g} %:", "")
    for path, file in sorted(reports[0]["files"].items()):
        if file["summary"]["percent_covered"] < LEAST:
            missing = len(file["missing_lines"])
            yield f"- `{path}`: {file['summary']['percent_covered']:.0f} %, {missing} lines missing"


def _percent(lines: Counter[str]) -> str:
    return f"{100 * lines['covered'] / max(lines['all'], 1):.1f} %"


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("reports", type=Path, nargs="+", help="files of `coverage json`")
    options = parser.parse_args()
    print("\n".join(table([json.loads(path.read_text()) for path in options.reports])))


if __name__ == "__main__":
    main()
