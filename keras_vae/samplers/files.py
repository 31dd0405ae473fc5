"""Samplers in the files of models: arrays beside the weights, and the settings as JSON."""

import dataclasses
import json
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.samplers import mixture
from keras_vae.samplers.autoregressive import AutoregressiveSampler
from keras_vae.samplers.base import Sampler
from keras_vae.samplers.flow import FlowSampler
from keras_vae.samplers.maf import MAFSampler
from keras_vae.samplers.masked import MaskedSampler
from keras_vae.samplers.network import NetworkSampler
from keras_vae.samplers.two_stage import TwoStageSampler
from keras_vae.validation import arguments

PREFIX = mixture.PREFIX  # Prefix of names in files.
SETTINGS = "settings"
WEIGHT = "weight_"
ARRAYS = ("mean", "scale")  # Those beside the weights.
MOST_ROUNDS = 1000
SAMPLERS = (AutoregressiveSampler, MaskedSampler, FlowSampler, MAFSampler, TwoStageSampler)
KINDS: dict[str, type[NetworkSampler]] = {kind.name: kind for kind in SAMPLERS}


def save(sampler: Sampler | None, store: Any) -> None:
    """Write the arrays of `sampler`, if any, to a model's part of a file."""
    if not isinstance(sampler, NetworkSampler):
        mixture.save(sampler, store)  # type: ignore[arg-type]
        return
    others = {f.name: getattr(sampler, f.name) for f in dataclasses.fields(sampler)}
    weights, size = others.pop("weights"), others.pop("size")
    arrays = {name: others.pop(name) for name in ARRAYS if name in others}
    settings = {"kind": sampler.name, "size": dataclasses.asdict(size), **others}
    text = json.dumps(settings).encode()
    store[PREFIX + SETTINGS] = np.frombuffer(text, np.uint8)
    for name, part in [*arrays.items(), *((WEIGHT + n, p) for n, p in weights.items())]:
        store[PREFIX + name] = part


def load(store: Any) -> Sampler | None:
    """Read what `save` wrote; None if it wrote nothing.

    Raises:
        ValueError: If it is no sampler.
    """
    names = [name.removeprefix(PREFIX) for name in store.keys() if name.startswith(PREFIX)]
    if SETTINGS not in names:
        return mixture.load(store)
    settings = _read_settings(np.array(store[PREFIX + SETTINGS]))
    parts = {name: _floats(store[PREFIX + name]) for name in names if name != SETTINGS}
    weights = {n.removeprefix(WEIGHT): p for n, p in parts.items() if n.startswith(WEIGHT)}
    others: dict[str, Any] = {
        name: part for name, part in parts.items() if not name.startswith(WEIGHT)
    }
    try:
        kind = KINDS[settings.pop("kind")]
        size = _size(kind, settings.pop("size"), len(weights))
        _check_shapes(kind, size, weights, others)
        sampler = kind(size, weights, **_check_numbers(settings), **others)
        sampler.check_guidance(sampler.guidance)
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"Expected the settings of a sampler of {', '.join(KINDS)}. Received: {error!r}."
        ) from error
    return sampler


def _size(kind: type[NetworkSampler], given: dict[str, Any], arrays: int) -> Any:
    """Return the sizes; raise for those that `arrays` arrays cannot have, before they are used."""
    size = kind.sizes(**given)
    numbers = {k: v for k, v in dataclasses.asdict(size).items() if k != "is_real"}
    if (
        not all(isinstance(n, int) and 0 <= n < 2**31 for n in numbers.values())
        or not kind.fewest_blocks <= size.blocks <= arrays
    ):
        raise UsageError(f"Expected the sizes of a network. Received: {given}.")
    if "heads" in numbers and (not size.heads or size.width % size.heads):
        raise UsageError(f"Expected heads that divide the width. Received: {given}.")
    return size


def _check_shapes(
    kind: type[NetworkSampler], size: Any, weights: dict[str, Any], others: dict[str, Any]
) -> None:
    wanted = dict(kind.weight_shapes(size))
    wanted |= {name: (size.places, size.outputs) for name in ARRAYS if kind.is_real}
    found = {name: part.shape for name, part in {**weights, **others}.items()}
    if found != wanted:
        raise UsageError(f"Expected arrays of the shapes {wanted}. Received: {found}.")


def _check_numbers(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings next to the sizes: the guidance, and maybe a number of rounds."""
    arguments.real("guidance", settings.get("guidance", 1.0))
    if "rounds" in settings and arguments.integer("rounds", settings["rounds"]) > MOST_ROUNDS:
        raise UsageError(
            f"Expected at most {MOST_ROUNDS} rounds. Received: rounds={settings['rounds']}."
        )
    return settings


def _floats(values: Any) -> np.ndarray:
    """Return an array of a file as float32, in which samplers compute."""
    found = np.array(values)
    if found.dtype.kind != "f":
        raise UsageError(f"Expected floats of a sampler. Received: {found.dtype}.")
    return found.astype("float32")


def _read_settings(text: np.ndarray) -> dict[str, Any]:
    try:
        return dict(json.loads(text.astype(np.uint8).tobytes()))
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(
            f"Expected the settings of a sampler as JSON. Received: {error}."
        ) from error
