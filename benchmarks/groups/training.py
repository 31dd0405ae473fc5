"""Training throughput: this package, Keras by hand, PyTorch, pythae and JAX."""

import ctypes.util
import os
import tempfile
from pathlib import Path

from benchmarks import images, network
from benchmarks.child import CORES
from benchmarks.paired import Peer, measure
from benchmarks.report import COMPARED, Section, comparison_rows, machine, noise

COUNT, COUNT_ON_ONE_CORE = 16384, 4096
OURS = "this package: compile_fast, as keras-vae train"
TEXTBOOK = "Keras, tutorial, tf.data, AUTOTUNE off"
DNN = {"TF_ENABLE_ONEDNN_OPTS": "1"}
TCMALLOC = (
    "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
    "/usr/lib64/libtcmalloc_minimal.so.4",
    "/usr/lib/libtcmalloc_minimal.so.4",
)
# Tcmalloc gains by keeping large blocks; these settings make glibc keep them too.
GLIBC = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)}


def allocator() -> tuple[str, dict[str, str]]:
    """Return the allocator with which PyTorch is fastest, and its environment variables."""
    named = os.environ.get("TCMALLOC") or ctypes.util.find_library("tcmalloc_minimal")
    for path in filter(None, (named, *TCMALLOC)):
        if Path(path).is_file():
            return "tcmalloc", {"LD_PRELOAD": path}
    return "glibc that keeps its memory", GLIBC


def peers(path: str) -> list[Peer]:
    """Return the rows of the table."""
    given = {"images": path}
    name, environment = allocator()
    return [
        Peer(OURS, "keras_peers:ours", given, DNN),
        Peer(
            "this package: compile_fast, fit(array)",
            "keras_peers:ours",
            given | {"source": "arrays"},
        ),
        Peer("Keras by hand, all that helped", "keras_peers:fastest", given, DNN),
        Peer(TEXTBOOK, "keras_peers:textbook", given | {"autotune": False}),
        Peer("Keras, tutorial, tf.data as it is", "keras_peers:textbook", given),
        Peer("Keras, tutorial, fit(array)", "keras_peers:textbook", given | {"source": "arrays"}),
        Peer("PyTorch, DataLoader loop", "torch_peers:loader_loop", given),
        Peer(
            f"PyTorch, channels last, fused Adam, {name}",
            "torch_peers:fastest",
            given,
            environment,
        ),
        Peer("pythae, BaseTrainer", "torch_peers:pythae_trainer", given),
        Peer(f"pythae, BaseTrainer, {name}", "torch_peers:pythae_trainer", given, environment),
        Peer("JAX by hand, one scan an epoch", "jax_peer:loop", given),
    ]


def run(rounds: int = 5) -> Section:
    """Measure the training throughput of all peers.

    Args:
        rounds: Epochs of each peer.
    """
    count = COUNT_ON_ONE_CORE if os.environ.get(CORES) == "1" else COUNT
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        what = images.write(path, count)
        found = measure(peers(str(path)), rounds)
    flops = network.training_flops() / 1e6
    text = (
        f"All rows train the same network of {network.PARAMETERS:,} parameters. An epoch is "
        f"{count:,} images of {what} in batches of {network.BATCH}. An image takes {flops:.2f} "
        f"million operations. Each row has one epoch to warm up and {rounds} that are timed, in "
        "turn. Speed is relative to the first row, by wall time and by processor time: median and "
        "range of the rounds. Foreign CPU is the number of processors that other programs kept "
        f"busy. {noise(found)} {machine()}"
    )
    return Section("Training", text, COMPARED, comparison_rows(found, count, OURS))
