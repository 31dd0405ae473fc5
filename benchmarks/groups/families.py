"""Other families of networks against PyTorch: training, and the code of one example."""

from benchmarks.paired import Measurement, Peer, measure, ratios, spread
from benchmarks.peers.families import CALLS, FAMILIES
from benchmarks.report import Section, failure_text, machine, noise

OURS = "this package"
COMPILED = "kv.Compiled"
NAMES = (OURS, COMPILED, "PyTorch", "torch.compile")


def peers(family: str, what: str) -> list[Peer]:
    """Return this package and its peers for one family and one kind of work."""
    given = {"family": family, "what": what}
    theirs = Peer("PyTorch", "families:torch_peer", given)
    compiled = given | {"compiled": True}
    if what == "train":
        return [
            Peer(OURS, "families:ours", given),
            theirs,
            Peer("torch.compile", "families:torch_peer", compiled),
        ]
    return [
        Peer(OURS, "families:ours", given),
        Peer(COMPILED, "families:ours", compiled),
        theirs,
    ]


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
        "examples in batches of 64 or 128. `encode` takes one example: ours is `model.encode`, "
        "and `Compiled` is `kv.Compiled(model).encode`. Times are "
        f"processor time of an example, medians of {rounds} units in turn. The ratio is the time "
        "of the faster PyTorch over ours, median and range of the rounds: above 1, this package is "
        "faster. PyTorch has fused Adam, and channels last for images. Peaks are of the whole "
        "processes, of PyTorch's faster way. "
        f"{noise(all_found)} {machine()}"
    )
    header = [
        "family",
        "work",
        "ours, us",
        "`Compiled`, us",
        "PyTorch, us",
        "torch.compile, us",
        "PyTorch / ours",
        "peak MB, ours and PyTorch",
    ]
    return Section("Families of networks", text, header, rows)


def _cells(found: list[Measurement], amount: int) -> list[str]:
    """Return times, the ratio of the faster PyTorch to this package, and peaks of memory."""
    by_name = {one.peer.name: one for one in found}
    times = ["" if name not in by_name else _time(by_name[name], amount) for name in NAMES]
    ours, torch = by_name[OURS], [by_name[name] for name in NAMES[2:] if name in by_name]
    ran = [one for one in torch if one.can_run]
    if not ran or not ours.can_run:
        return [*times, "", ""]
    best = min(ran, key=lambda one: one.middle("cpu"))
    peaks = " / ".join(f"{one.middle('memory'):,.0f}" for one in (ours, best))
    return [*times, spread(ratios(ours, best, amount, "cpu")), peaks]


def _time(one: Measurement, amount: int) -> str:
    return f"{1e6 * one.middle('cpu') / amount:,.0f}" if one.can_run else failure_text(one)
