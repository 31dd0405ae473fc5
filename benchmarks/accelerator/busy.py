"""The time in which a device works, from the traces of the profilers."""

import gzip
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Interval = tuple[float, float]


def union(intervals: Iterable[Interval]) -> float:
    """Return the length of the union of intervals `(begin, end)`: what overlaps counts once."""
    total, last = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        total += max(0.0, end - max(begin, last))
        last = max(last, end)
    return total


def jax_seconds(call: Callable[[], Any]) -> float | None:
    """Return the seconds in which a GPU works during `call`; None if its trace has no kernels."""
    import jax

    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            call()
        files = sorted(Path(folder).rglob("*.trace.json.gz"))
        if not files:
            return None
        with gzip.open(files[-1]) as file:
            return kernel_seconds(json.load(file)["traceEvents"])


def kernel_seconds(events: list[dict[str, Any]]) -> float | None:
    """Return the seconds of kernels in a trace of JAX; None if it has none.

    Devices are the processes with "GPU" in their names, and streams of kernels the threads with
    "Stream". Other threads of a device group kernels, with the gaps between them.
    """
    names: dict[tuple[str, Any, Any], str] = {
        (e["name"], e.get("pid"), e.get("tid")): e["args"]["name"]
        for e in events
        if e.get("ph") == "M" and e.get("name") in ("process_name", "thread_name")
    }
    devices = {pid for (kind, pid, _), name in names.items() if kind[0] == "p" and "GPU" in name}
    streams = {
        (pid, tid)
        for (kind, pid, tid), name in names.items()
        if kind[0] == "t" and pid in devices and "Stream" in name
    }
    found = [
        (event["ts"], event["ts"] + event["dur"])
        for event in events
        if event.get("ph") == "X" and (event.get("pid"), event.get("tid")) in streams
    ]
    return union(found) / 1e6 if found else None


def torch_seconds(call: Callable[[], Any]) -> float | None:
    """Return the seconds in which a GPU works during `call`; None without a GPU."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    if not torch.cuda.is_available():
        return None
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        call()
        torch.cuda.synchronize()
    found = [
        (event.time_range.start, event.time_range.end)
        for event in profiled.events()
        if event.device_type == torch.autograd.DeviceType.CUDA
        and not getattr(event, "is_user_annotation", False)  # It spans gaps between kernels.
    ]
    return union(found) / 1e6 if found else None
