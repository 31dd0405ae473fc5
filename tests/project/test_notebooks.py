"""The notebooks of the site: each runs as it stands, with its figures and good numbers."""

import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"
TIMEOUT = 600  # Seconds a cell.

# The number of figures of each notebook, and printed numbers with their smallest and largest value.
EXPECTED = {
    "your-images": (
        4,
        {
            r"MSE ([\d.]+);": (0.002, 0.03),
            r"of the test photo: (\d+)%": (70, 100),
        },
    ),
    "anomalies": (
        3,
        {
            r"normal digits flagged: (\d+)%": (0, 9),
            r"broken digits flagged: (\d+)%": (45, 90),
            r"AUROC ([\d.]+)": (0.85, 1),
            r"brightest pixel in the defect: (\d+)%": (60, 95),
        },
    ),
    "time-series": (5, {r"largest score at step (\d+)": (530, 540)}),
    "quickstart": (
        6,
        {
            r"'elbo': (-[\d.]+)": (-32, -25),
            r"(\d) of 8 latent units are active": (6, 8),
            r"largest difference: ([\d.]+)": (0, 0),
        },
    ),
    "conditional": (3, {r"the digit you asked for: (\d+)%": (80, 100)}),
    "discrete-codes": (
        4,
        {
            r"(\d+) of 32 codes are in use": (25, 32),
            r"from random codes: (\d+)%": (0, 20),
            r"from written codes: (\d+)%": (35, 100),
        },
    ),
    "deploy": (
        1,
        {
            r"float32 +largest difference.*: ([\d.]+)": (0, 1e-5),
            r"float16 +largest difference.*: ([\d.]+)": (0, 0.01),
            r"dynamic +largest difference.*: ([\d.]+)": (0, 0.1),
            r"int8 +largest difference.*: ([\d.]+)": (0, 0.2),
        },
    ),
    "your-own-model": (
        3,
        {
            r"plain VAE: (\d+)%": (30, 85),
            r"with labels: (\d+)%": (80, 100),
        },
    ),
}


def test_every_notebook_has_expectations():
    names = {path.stem for path in NOTEBOOKS.glob("*.md")} - {"index"}
    assert names == set(EXPECTED)


def executed(name, folder):
    """The cells of a notebook, with their outputs."""
    from myst_nb.core.config import NbParserConfig
    from myst_nb.core.read import create_nb_reader
    from nbclient import NotebookClient

    path = NOTEBOOKS / f"{name}.md"
    reader = create_nb_reader(str(path), None, NbParserConfig(), path.read_text())
    notebook = reader.read(path.read_text())
    NotebookClient(
        notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.long
@pytest.mark.extra(name="docs")
@pytest.mark.tensorflow
@pytest.mark.parametrize("name", EXPECTED)
def test_a_notebook_runs_and_shows_figures_and_good_numbers(name, tmp_path):
    outputs = [output for cell in executed(name, tmp_path) for output in cell.outputs]
    figures, numbers = EXPECTED[name]
    assert sum("image/png" in output.get("data", ()) for output in outputs) == figures
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    for pattern, (low, high) in numbers.items():
        found = re.search(pattern, printed)
        assert found, f"Expected {pattern} in what is printed. Received:\n{printed}"
        assert low <= float(found[1]) <= high, found[0]
