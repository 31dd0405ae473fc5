"""The rows of the benchmark: networks, number types, and libraries, the most important first."""

import dataclasses
import itertools

from benchmarks import network


@dataclasses.dataclass(frozen=True)
class Network:
    """One network and its data.

    Attributes:
        family: Its name in `benchmarks.peers.families`; None for that of `benchmarks.network`.
        batch: Examples of a step.
        count: Examples of an epoch, random numbers on the device.
    """

    family: str | None
    batch: int
    count: int


NETWORKS = {
    "28x28 convolutions": Network(None, network.BATCH, 16_384),
    "64x64x3 convolutions": Network("convolutions 64x64x3, BatchNorm", 64, 4096),
    "transformer": Network("transformer", 64, 8192),
}
PRECISIONS = ("float32", "bfloat16")
JAX, FIT = "JAX, one scan an epoch", "JAX, fit"
EAGER, COMPILED, GRAPHS = "PyTorch", "torch.compile", "torch.compile, CUDA graphs"
TIERS = (JAX, EAGER, COMPILED), (GRAPHS, FIT)  # Those of the first are all measured before.
TINY = 4  # Batches of so many examples, and two of them an epoch.


@dataclasses.dataclass(frozen=True)
class Row:
    """One training to measure.

    Attributes:
        network: A name in `NETWORKS`.
        precision: "float32", where products may be of TF32, or "bfloat16", where weights stay
            float32.
        library: One of the names above.
        batch: Examples of a step.
        count: Examples of an epoch, a multiple of `batch`.
        units: Timed units, of which the median counts.
        seconds: The least time of a unit, which is a number of whole epochs.
        device: "cuda", or "cpu" to try the program.
    """

    network: str
    precision: str
    library: str
    batch: int
    count: int
    units: int = 3
    seconds: float = 1.0
    device: str = "cuda"


def rows(
    tiny: bool = False, batch: int | None = None, device: str = "cuda", only: str = ""
) -> list[Row]:
    """Return all rows in the order to measure them.

    Args:
        tiny: Whether to take the smallest sizes, which show that all works, and no speed.
        batch: Examples of a step, in place of those of each network.
        device: "cuda" or "cpu".
        only: A text that the names of the network, the number type and the library contain, joined
            by "/".
    """
    found = []
    for libraries in TIERS:
        for name, net in NETWORKS.items():
            size = TINY if tiny else batch or net.batch
            count = 2 * size if tiny else -(-net.count // size) * size
            units, seconds = (1, 0.0) if tiny else (Row.units, Row.seconds)
            for precision, library in itertools.product(PRECISIONS, libraries):
                if only in f"{name}/{precision}/{library}":
                    row = Row(name, precision, library, size, count, units, seconds, device)
                    found.append(row)
    return [row for row in found if row.library != GRAPHS or device == "cuda"]
