"""Programs that are killed at random moments, and what must be left of them then."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(ROOT)}
# A VAE with noise, a warm-up, a falling learning rate, early stopping and the best epoch kept.
RECIPE = '''
from keras_vae.training.recipes import Recipe

def recipe(image_shape: tuple = (8, 8, 1), seed: int = 0) -> Recipe:
    """A VAE that trains in seconds."""
    import keras
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, 2, (16,), heads=2)
    beta = kv.schedules.LinearWarmUp(40)
    rate = keras.optimizers.schedules.CosineDecay
    return Recipe(
        kv.VAE(*networks, beta=beta, seed=seed),
        lambda steps: keras.optimizers.Adam(rate(1e-2, steps)),
        data="digits", epochs=EPOCHS, batch_size=10, protocol="dynamic", patience=50,
    )
'''
OPTIONS = ("--limit", "120", "--seed", "5", "--checkpoint-steps", "1", "--steps-per-execution", "1")


def write_recipe(folder: Path, epochs: int) -> Path:
    path = folder / "killed.py"
    path.write_text(RECIPE.replace("EPOCHS", str(epochs)))
    return path


def command(recipe: Path, out: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "training.train", str(recipe), "--out", str(out)),
        *(more or OPTIONS),
    ]


def run(words: list[str], code: int = 0) -> str:
    """What a program prints, which must end with `code`."""
    done = subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def start(words: list[str], log: Path) -> subprocess.Popen:
    with log.open("ab") as file:
        return subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stdout=file, stderr=file)


def newest(folder: Path) -> float:
    """When a file of the folder was last changed."""
    moments = []
    for path in folder.rglob("*"):
        try:
            moments.append(path.stat().st_mtime)
        except FileNotFoundError:  # Pruned in this moment.
            continue
    return max(moments, default=0.0)


def kill_once(
    words: list[str], out: Path, log: Path, after: float, within: float, work: str = "training"
) -> str:
    """Kill a program some time after it has written to `out`; says what it was doing."""
    before, begin = newest(out), time.time()
    process = start(words, log)
    while newest(out) <= max(before, begin - 1) and process.poll() is None:
        time.sleep(0.01)
        assert time.time() - begin < within, log.read_text()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    code = process.wait()
    if code == 0:
        return "already at the end"
    assert code == -signal.SIGKILL, log.read_text()
    return "writing" if list(out.rglob(".*.tmp*")) else work


def train_killed(folder: Path, recipe: Path, kills: int, seed: int) -> list[str]:
    """A run in folder/killed that was killed `kills` times, then resumed to its end."""
    generator, out, log = random.Random(seed), folder / "killed", folder / "log.txt"
    found = []
    for _ in range(kills):
        resumed = (out / "config.json").exists()
        words = command(recipe, out, "--resume") if resumed else command(recipe, out)
        if out.exists() and not resumed:  # Killed before the first file: nothing to resume.
            out.rmdir()
        found.append(kill_once(words, out, log, generator.uniform(0, 1.5), within=300))
    run(command(recipe, out, "--resume"))
    return found


def lines(out: Path) -> list[dict]:
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in found]


def values(path: Path) -> list[np.ndarray]:
    """All that a .keras file restores: weights, optimizer, random generators."""
    from keras_vae.checkpointing import state
    from keras_vae.training.runs import run_directory

    return state.capture(run_directory.load_model(path, compile=True))


def assert_same_runs(one: Path, other: Path) -> None:
    assert lines(one) == lines(other)
    for name in ("model.keras", "best.keras"):
        for a, b in zip(values(one / name), values(other / name), strict=True):
            np.testing.assert_array_equal(a, b)


def prediction(model: Path, source: Path, out: Path) -> list[str]:
    """A command that writes many files."""
    return [
        *(sys.executable, "-m", "training.predict", str(model), str(source), str(out)),
        *("--rows-per-shard", "10", "--batch-size", "5"),
    ]


def predict_killed(folder: Path, model: Path, source: Path, kills: int, seed: int) -> list[str]:
    """Predictions in folder/whole, and in folder/killed, where it was killed `kills` times."""
    generator, log = random.Random(seed), folder / "log.txt"
    run(prediction(model, source, folder / "whole"))
    words, out = prediction(model, source, folder / "killed"), folder / "killed"
    out.mkdir()
    found = [
        kill_once(words, out, log, generator.uniform(0, 0.3), within=300, work="predicting")
        for _ in range(kills)
    ]
    run(words)
    return found


def assert_same_files(one: Path, other: Path) -> None:
    """The same names with the same bytes, nothing hidden among them."""
    contents = [
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (one, other)
    ]
    assert contents[0].keys() == contents[1].keys()
    assert contents[0] == contents[1]
