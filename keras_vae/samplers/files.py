"""Samplers in the files of models: arrays beside the weights, and the settings as JSON."""

import dataclasses
import json
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.samplers import mixture, transformer
from keras_vae.samplers.autoregressive import AutoregressiveSampler
from keras_vae.samplers.base import Sampler
from keras_vae.samplers.flow import FlowSampler
from keras_vae.samplers.masked import MaskedSampler
from keras_vae.samplers.network import NetworkSampler

PREFIX = mixture.PREFIX  # Prefix of names in files.
SETTINGS = "settings"
WEIGHT = "weight_"
KINDS: dict[str, type[NetworkSampler]] = {
    kind.name: kind for kind in (AutoregressiveSampler, MaskedSampler, FlowSampler)
}


def save(sampler: Sampler | None, store: Any) -> None:
    """Write the arrays of `sampler`, if any, to a model's part of a file."""
    if not isinstance(sampler, NetworkSampler):
        mixture.save(sampler, store)  # type: ignore[arg-type]
        return
    others = {f.name: getattr(sampler, f.name) for f in dataclasses.fields(sampler)}
    weights, size = others.pop("weights"), others.pop("size")
    arrays = {name: others.pop(name) for name in ("mean", "scale") if name in others}
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
    parts = {name: np.array(store[PREFIX + name]) for name in names}
    settings = _read_settings(parts.pop(SETTINGS))
    weights = {n.removeprefix(WEIGHT): p for n, p in parts.items() if n.startswith(WEIGHT)}
    others = {name: part for name, part in parts.items() if not name.startswith(WEIGHT)}
    try:
        kind = KINDS[settings.pop("kind")]
        size = transformer.Size(**settings.pop("size"))
        sampler = kind(size, weights, **settings, **others)
        wanted = {n: p.shape for n, p in transformer.initial_weights(size, 0).items()}
    except (KeyError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise UsageError(
            f"Expected the settings of a sampler of {', '.join(KINDS)}. Received: {error!r}."
        ) from error
    found = {name: part.shape for name, part in weights.items()}
    if found != wanted:
        raise UsageError(f"Expected weights of the shapes {wanted}. Received: {found}.")
    return sampler


def _read_settings(text: np.ndarray) -> dict[str, Any]:
    try:
        settings = json.loads(text.astype(np.uint8).tobytes())
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"Expected the settings of a sampler as JSON. Received: {error}."
        ) from error
    return dict(settings)
