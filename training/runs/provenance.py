"""Provenance of a result: machine, date and versions. Imports no Keras and no TensorFlow."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("keras-vae", "keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy")


def provenance() -> dict[str, Any]:
    """Return the machine, the date and the versions of a result, as JSON can hold them.

    Returns:
        `machine`, a dictionary with `processor`, `cores` and `system`; `date` in UTC, ISO 8601;
        and `versions` by name.
    """
    return {"machine": machine(), "date": date(), "versions": versions()}


def machine() -> dict[str, Any]:
    """Return the processor, the number of its cores and the operating system."""
    return {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()}


def date() -> str:
    """Return the date and time in UTC to the second, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter for a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Return the name of the processor, with a note if it has AVX-512."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return name
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    return (names[0] if names else name) + (" with AVX-512" if "avx512f" in flags else "")
