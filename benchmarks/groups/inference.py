"""Decoding: latency of one code and time of a batch, in every runtime."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import network
from benchmarks.paired import Measurement, Peer, measure, spread
from benchmarks.peers.artifacts import LARGE
from benchmarks.report import Section, failure_text, machine, noise

OURS = "SavedModel signature", "LiteRT float32, 1 thread"


def peers(folder: str, batch: int) -> list[Peer]:
    """Return the rows of the table for one batch size."""
    given = {"folder": folder, "batch": batch}

    def peer(name: str, function: str, **options: object) -> Peer:
        return Peer(name, f"decoders:{function}", given | options)

    both = (1, 2)
    return [
        peer("model.decode(z)", "keras_call", how="decode"),
        peer("decoder.predict(z)", "keras_call", how="predict"),
        peer("tf.function(model.decode)", "keras_call", how="tf.function"),
        peer("Compiled(model).decode(z)", "keras_call", how="compiled"),
        peer("SavedModel signature", "saved_model"),
        *(
            peer(f"LiteRT {kind}, {_threads(n)}", "litert", kind=kind, threads=n)
            for kind in ("float32", "float16", "int8")
            for n in both
        ),
        *(peer(f"ONNX Runtime, {_threads(n)}", "onnx", threads=n) for n in both),
        *(peer(f"OpenVINO, {_threads(n)}", "openvino", threads=n) for n in both),
        *(peer(f"PyTorch, {_threads(n)}", "torch", threads=n) for n in both),
    ]


def run(rounds: int = 5) -> Section:
    """Measure decoding in all runtimes.

    Args:
        rounds: Units of each runtime, of 0.4 seconds each.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.peers.artifacts", folder],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
        one, many = (measure(peers(folder, batch), rounds) for batch in (1, LARGE))
    text = (
        f"The decoder of the same network with its sigmoid turns a {network.LATENT}-dimensional "
        f"code into 28x28 pixels, from NumPy to NumPy. Times are medians of {rounds} units of 0.4 "
        "s in turn. Ratios are relative to the fastest row: median and range of the rounds, lower "
        f"is better. {noise([*one, *many])} {machine()}"
    )
    header = ["", "batch 1, us", "ratio", f"batch {LARGE}, us/image", "ratio"]
    cells = zip(_cells(one, 1), _cells(many, LARGE), strict=True)
    names = [measured.peer.name for measured in one]
    rows = [[name, *a, *b] for name, (a, b) in zip(names, cells, strict=True)]
    return Section("Decoding", text, header, rows)


def _threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def _cells(found: Sequence[Measurement], batch: int) -> list[list[str]]:
    """Return time and ratio of each, paired by round with the fastest in the median."""
    ran = [measured for measured in found if measured.can_run]
    fastest = min(ran, key=lambda measured: measured.middle("value"))
    cells = []
    for measured in found:
        if not measured.can_run:
            cells.append([failure_text(measured), ""])
            continue
        pairs = zip(measured.units, fastest.units, strict=True)
        ratios = [unit["value"] / other["value"] for unit, other in pairs]
        cells.append([f"{1e6 * measured.middle('value') / batch:,.0f}", spread(ratios)])
    return cells
