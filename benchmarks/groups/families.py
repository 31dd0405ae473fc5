"""Other families of networks against PyTorch: training, and the code of one example."""

from benchmarks.paired import Measurement, Peer, measure, ratios, spread
from benchmarks.peers.families import CALLS, FAMILIES
from benchmarks.report import Section, failure_text, machine, noise

OURS = "this package"


def peers(family: str, what: str) -> list[Peer]:
    """Return this package and its peers for one family and one kind of work."""
    given = {"family": family, "what": what}
    found = [
        Peer(OURS, "families:ours", given),
        Peer("PyTorch", "families:torch_peer", given),
    ]
    if what == "train":
        compiled = Peer("torch.compile", "families:torch_peer", given | {"compiled": True})
        found.append(compiled)
    return found


def run(rounds: int = 5) -> Section:
    """Measure all families.

    Args:
        rounds: Units of each peer.
    """
    rows, all_found = [], []
    for family in FAMILIES:
        for what, amount in (("train", FAMILIES[family].count), ("encode", CALLS)):
            found = measure(peers(family, what), rounds)
            all_found += found
            rows.append([family, what, *_cells(found, amount)])
    text = (
        "Each peer has the same layers and the same random data. An epoch has 512 to 8,192 "
        "examples in batches of 64 or 128. `encode` takes one example. Times are "
        f"processor time of an example, medians of {rounds} units in turn. The ratio is the time "
        "of the faster PyTorch over ours, median and range of the rounds: above 1, this package is "
        "faster. PyTorch has fused Adam, and channels last for images. "
        f"{noise(all_found)} {machine()}"
    )
    header = ["family", "work", "ours, us", "PyTorch, us", "torch.compile, us", "PyTorch / ours"]
    return Section("Families of networks", text, header, rows)


def _cells(found: list[Measurement], amount: int) -> list[str]:
    cells = [
        f"{1e6 * one.middle('cpu') / amount:,.0f}" if one.can_run else failure_text(one)
        for one in found
    ]
    ran = [one for one in found[1:] if one.can_run]
    ratio = ""
    if ran and found[0].can_run:
        best = min(ran, key=lambda one: one.middle("cpu"))
        ratio = spread(ratios(found[0], best, amount, "cpu"))
    return [*cells, *[""] * (3 - len(cells)), ratio]
