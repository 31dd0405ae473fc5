"""Kill and damage what can be killed and damaged: python -m tests.support.chaos [--kills 30]
[--seed 0].

A fifth of the kills hit the exporter of SavedModels, a fifth that of .tflite files, a fifth a bulk
prediction, the others a training that writes a checkpoint after each step; all at random moments.
Then every file of a run and of a served version is damaged, by the tests that do so; the tables of
bad input are run, --cases configurations fuzzed, and a server is asked for --seconds. Prints a
table; exit code 1 if anything was lost, came twice, or was wrong.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_vae import cli
from tests.support import killed

DAMAGE = (
    "tests/checkpointing/test_checkpoints.py",
    "tests/training/test_damaged_runs.py",
    "tests/export/test_damaged_versions.py",
    "tests/base/test_loading.py",
    "tests/export/test_verify.py::test_a_change_of_any_file_of_a_saved_model_is_refused_as_bad_input",
    "tests/export/test_verified_files.py::test_a_change_anywhere_in_a_tflite_is_refused_as_bad_input",
)

BAD_INPUT = tuple(
    sorted(str(path.relative_to(killed.ROOT)) for path in killed.ROOT.glob("tests/*/test_bad_*.py"))
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cli.prepare_tensorflow()
    exports = options.kills // 5
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="keras-vae-chaos-") as name:
        folder = Path(name)
        rows = [
            training(folder, options.kills - 3 * exports, options.seed),
            exporting(
                folder, "keras_vae.export.saved_model.program", "served", exports, options.seed
            ),
            exporting(folder, "export.tflite", "vae.tflite", exports, options.seed + 1),
            predicting(folder, exports, options.seed + 2),
            tests("files flipped, cut and removed", folder, DAMAGE),
            tests("bad inputs", folder, BAD_INPUT),
            program("fuzzed configurations", "tests.support.fuzz", "--cases", str(options.cases)),
            program("load test", "tests.support.load", "--seconds", str(options.seconds)),
        ]
    print("| what | result | bar |\n|---|---|---|")
    for what, result, good in rows:
        print(f"| {what} | {result} | {'met' if good else 'MISSED'} |")
    print(f"{time.monotonic() - begin:,.0f} s")
    return 0 if all(good for _, _, good in rows) else 1


def training(folder: Path, kills: int, seed: int) -> tuple[str, str, bool]:
    recipe = killed.write_recipe(folder, epochs=12)
    killed.run(killed.command(recipe, folder / "whole"))
    found = killed.train_killed(folder, recipe, kills, seed)
    try:
        killed.assert_same_runs(folder / "whole", folder / "killed")
        good = True
    except AssertionError as error:
        good = False
        print(error, file=sys.stderr)
    counts = ", ".join(f"{found.count(what)} {what}" for what in sorted(set(found)))
    end = "the end is bit-identical, every line once" if good else "the end differs"
    return f"SIGKILL of a training, {kills} moments", f"{counts}: {end}", good


def exporting(
    folder: Path, program: str, target: str, kills: int, seed: int
) -> tuple[str, str, bool]:
    """Kill an exporter; the name that was asked for must be of something whole at all times."""
    words = [sys.executable, "-m", program, str(folder / "whole"), str(folder / target)]
    begin = time.monotonic()
    killed.run(words)
    duration, generator = time.monotonic() - begin, random.Random(seed)
    whole = [is_whole(folder / target)]
    hits = 0
    for _ in range(kills):
        remove(folder / target)
        process = killed.start(words, folder / "log.txt")
        time.sleep(generator.uniform(0.3, 1.0) * duration)
        process.send_signal(signal.SIGKILL)
        hits += process.wait() == -signal.SIGKILL
        whole.append(not parts(folder / target) or is_whole(folder / target))
    remove(folder / target)
    killed.run(words)
    whole.append(is_whole(folder / target) and not list(folder.rglob(".*.tmp*")))
    result = f"{hits} hit it at work: {sum(whole)} of {len(whole)} times all was whole or absent"
    return f"SIGKILL of {program}, {kills} moments", result, all(whole)


def predicting(folder: Path, kills: int, seed: int) -> tuple[str, str, bool]:
    """Kill a bulk prediction of the trained model; each row must be there once, in order."""
    below = folder / "prediction"
    below.mkdir()
    np.save(below / "x.npy", np.random.default_rng(seed).uniform(size=(2000, 8, 8, 1)))
    model = folder / "whole" / "best.keras"
    found = killed.predict_killed(below, model, below / "x.npy", kills, seed)
    try:
        killed.assert_same_files(below / "whole", below / "killed")
        good, end = True, "all files are bit-identical, every row once"
    except AssertionError as error:
        good, end = False, "the files differ"
        print(error, file=sys.stderr)
    counts = ", ".join(f"{found.count(what)} {what}" for what in sorted(set(found)))
    return f"SIGKILL of a bulk prediction, {kills} moments", f"{counts}: {end}", good


def parts(target: Path) -> list[str]:
    """What a server or a program can see of an export."""
    if target.is_file():
        return [target.name]
    names = [path.name for path in target.glob("*/*")]
    return [name for name in names if not name.startswith(".")]


def is_whole(target: Path) -> bool:
    """Whether every byte has the hash that the export wrote."""
    from keras_vae.export.litert.writer import read_metadata
    from keras_vae.export.saved_model import model_card

    try:
        if target.is_file():
            return bool(read_metadata(target))
        return all(bool(model_card.read(path)) for path in target.glob("*/[0-9]*"))
    except ValueError as error:
        print(error, file=sys.stderr)
        return False


def remove(target: Path) -> None:
    if target.is_file():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)


def tests(what: str, folder: Path, paths: Sequence[str]) -> tuple[str, str, bool]:
    """A row of the table from tests that are run."""
    words = [sys.executable, "-m", "pytest", "-q", f"--basetemp={folder / 'pytest'}", *paths]
    done = subprocess.run(
        words, cwd=killed.ROOT, env=killed.ENVIRONMENT, capture_output=True, text=True
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    return what, done.stdout.strip().splitlines()[-1], not done.returncode


def program(what: str, *words: str) -> tuple[str, str, bool]:
    """A row of the table from a program, the last lines of which say what it found."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=killed.ROOT,
        env=killed.ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
    lines = [line.strip("| ").replace(" | ", ": ") for line in done.stdout.splitlines()]
    found = [line for line in lines if line and not line.startswith(("what:", "---"))]
    return what, "; ".join(found[-6:]), not done.returncode


if __name__ == "__main__":
    sys.exit(main())
