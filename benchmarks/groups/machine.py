"""The machine's peak, the part that training reaches, the speed of input, and stalls."""

import tempfile
from pathlib import Path

from benchmarks import images, network
from benchmarks.groups.training import DNN
from benchmarks.paired import Peer, measure, spread
from benchmarks.report import Section, failure_text, machine, noise

COUNT = 4096
DRAWN = 100 * COUNT
EPOCHS, SHORT = 100, 1024


def run(rounds: int = 5) -> Section:
    """Measure peaks, input and stalls.

    Args:
        rounds: Units of each; stalls are counted in one unit of 100 epochs.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, short = Path(folder) / "images.npy", Path(folder) / "short.npy"
        images.write(path, COUNT)
        images.write(short, SHORT)
        given = {"images": str(path)}
        found = measure(
            [
                Peer("training", "keras_peers:ours", given, DNN, COUNT),
                Peer("input", "own_peers:pipeline", given | {"count": DRAWN}, amount=DRAWN),
                *(
                    Peer(
                        f"{library}, {name}",
                        "own_peers:peak",
                        {"library": library, "operation": name},
                    )
                    for library in ("tensorflow", "torch")
                    for name in ("matmul", "convolution")
                ),
            ],
            rounds,
        )
        counted = measure(
            [
                Peer(
                    which,
                    "own_peers:stalls",
                    {"images": str(short), "which": which, "epochs": EPOCHS},
                )
                for which in ("ours", "textbook")
            ],
            1,
        )
    training, source, *peaks = found
    flops = training.rate(COUNT) * network.training_flops() / 1e9
    rows = [
        ["training, compile_fast", f"{training.rate(COUNT):,.0f} images/s, {flops:.0f} GFLOP/s"],
        [
            "its input pipeline alone",
            f"{source.rate(DRAWN):,.0f} images/s, {source.rate(DRAWN) / training.rate(COUNT):.0f} "
            "times the need",
        ],
    ]
    for measured in peaks:
        text = failure_text(measured)
        if measured.can_run:
            values = [unit["value"] for unit in measured.units]
            part = 100 * flops / measured.middle("value")
            text = f"{spread(values, 0)} GFLOP/s, of which training reaches {part:.0f} %"
        rows.append([f"peak, {measured.peer.name}", text])
    names = {"ours": "`fit(array)` of this package", "textbook": "`fit(array)` of Keras"}
    for measured in counted:
        text = failure_text(measured)
        if measured.can_run:
            text = f"{measured.units[0]['value']:.0f} of {EPOCHS} epochs of {SHORT} images"
        rows.append([f"stalls, {names[measured.peer.name]}", text])
    about = (
        f"Medians of {rounds} units in turn. Peaks: products of 2048x2048 matrices, 3x3 "
        "convolutions of 64 to 64 channels. A stall is an epoch of 1.3 times the median time "
        "without 1.2 times the median processor time. On a machine that is not quiet, other "
        f"programs cause some of them. {noise([*found, *counted])} {machine()}"
    )
    return Section("The machine, input and stalls", about, ["", "measured"], rows)
