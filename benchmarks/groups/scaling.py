"""The growth of training time with the data, the image and the network."""

import math

from benchmarks import network
from benchmarks.groups.training import DNN
from benchmarks.paired import Measurement, Peer, measure
from benchmarks.report import Section, machine, noise

# Quantity: its values, the options that set it, and images of a unit.
SIDES = {28: 4096, 64: 1024, 128: 256}
WIDTHS = {1: 4096, 2: 2048, 4: 512}
COUNTS = (2048, 8192, 32768)


def run(rounds: int = 5) -> Section:
    """Measure training at all sizes.

    Args:
        rounds: Units of each size, in turn.
    """
    data = [_peer(f"{n:,} images", n) for n in COUNTS]
    sides = [_peer(f"{s}x{s} pixels", n, side=s) for s, n in SIDES.items()]
    widths = [_peer(f"{w} times the channels", n, width=w) for w, n in WIDTHS.items()]
    found = measure([*data, *sides, *widths], rounds)
    rows = [
        *_rows(found[:3], list(COUNTS), list(COUNTS), per_image=False),
        *_rows(found[3:6], [s * s for s in SIDES], [_flops(side=s) for s in SIDES]),
        *_rows(found[6:], list(WIDTHS), [_flops(width=w) for w in WIDTHS]),
    ]
    text = (
        "Time of training in `compile_fast`'s configuration, medians of "
        f"{rounds} units in turn. The exponent is log of the ratio of times over log of the ratio "
        "of sizes, against the smallest. The last column has the operations of a step in place of "
        "sizes, which grow with the square of the width. "
        f"{noise(found)} {machine()}"
    )
    header = ["", "us/image", "GFLOP/s", "exponent", "exponent of operations"]
    return Section("Scaling", text, header, rows)


def _peer(name: str, count: int, **options: int) -> Peer:
    return Peer(name, "own_peers:fit_at_size", {"count": count, **options}, DNN, amount=count)


def _flops(side: int = 28, width: int = 1) -> float:
    filters = [width * n for n in network.FILTERS]
    return network.training_flops(
        image_shape=(side, side, 1), filters=filters, hidden=width * network.HIDDEN
    )


def _rows(
    found: list[Measurement], sizes: list[int], work: list[float], per_image: bool = True
) -> list[list[str]]:
    rows = []
    for measured, size, amount in zip(found, sizes, work, strict=True):
        images = measured.peer.amount or 1
        seconds = [m.middle("seconds") / ((m.peer.amount or 1) if per_image else 1) for m in found]
        own = seconds[found.index(measured)]
        first = measured is found[0]
        flops = amount if per_image else float(_flops())
        rows.append(
            [
                measured.peer.name,
                f"{1e6 * measured.middle('seconds') / images:,.0f}",
                f"{flops * images / measured.middle('seconds') / 1e9:,.0f}",
                "" if first else _exponent(own / seconds[0], size / sizes[0]),
                "" if first else _exponent(own / seconds[0], amount / work[0]),
            ]
        )
    return rows


def _exponent(times: float, sizes: float) -> str:
    return f"{math.log(times) / math.log(sizes):.2f}"
