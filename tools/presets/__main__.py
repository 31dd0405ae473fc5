"""Make the presets of the package that do not exist yet.

python -m tools.presets                 # all that are missing, a few minutes each
python -m tools.presets vae_digits      # one of them
python -m tools.presets vae_digits --measure   # measure the one that exists again
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import tyro

from keras_vae import cli
from keras_vae.errors import UsageError
from keras_vae.files import outputs
from keras_vae.presets import places
from keras_vae.presets.contents import CARD, read_folder
from tools.presets.entries import ENTRIES

RUNS = Path("build/presets")


def presets(
    names: Annotated[tuple[str, ...], tyro.conf.Positional] = (),
    out: Path = places.SHIPPED,
    runs: Path = RUNS,
    measure: bool = False,
) -> int:
    """Train, measure and export the presets that do not exist yet, each in a process of its own.

    An interrupted training goes on when the command is run again. To make a preset anew, remove its
    folder and its run first.

    Args:
        names: Presets to make; by default all.
        out: The folder of the presets.
        runs: The folder of their run directories.
        measure: Train nothing: measure presets that exist again, and write their cards anew.
    """
    if unknown := [name for name in names if name not in ENTRIES]:
        raise UsageError(f"Expected names of {', '.join(ENTRIES)}. Received: {unknown[0]}.")
    chosen = names or [name for name in ENTRIES if (out / name).exists() == measure]
    if len(chosen) == 1:
        return _measure(out / chosen[0]) if measure else _make(chosen[0], out, runs)
    for name in chosen:
        words = [name, "--out", str(out), "--runs", str(runs), *["--measure"] * measure]
        status = subprocess.run([sys.executable, "-m", "tools.presets", *words]).returncode
        if status:
            return status
    return 0


def _make(name: str, out: Path, runs: Path) -> int:
    outputs.check_new(out / name, "folder, one that does not exist yet")
    cli.prepare_tensorflow(training=True)
    from tools.presets import making

    preset = making.make(name, ENTRIES[name], runs, out / name)
    size = sum((preset.path / file).stat().st_size for file in preset.config["files"])
    print(f"Wrote {preset.path} ({size / 1e6:.2f} MB)")
    return 0


def _measure(folder: Path) -> int:
    preset = read_folder(folder)
    cli.prepare_tensorflow(training=True)
    from tools.presets import making

    print(f"Wrote {making.measure_again(preset).path / CARD}")
    return 0


if __name__ == "__main__":
    cli.main(presets, program="python -m tools.presets")
