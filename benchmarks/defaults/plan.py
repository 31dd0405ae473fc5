"""The trainings of each pass."""

from dataclasses import replace
from typing import Any

from benchmarks.defaults.trial import Trial

LEAKY: dict[str, Any] = {"activation": "leaky_relu"}
NEW: dict[str, Any] = {**LEAKY, "head": 0.1}

# What a candidate changes in the defaults of before.
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    LEAKY,
    {"activation": "silu"},
    {"activation": "gelu"},
    NEW,
    {**LEAKY, "head": 0.0, "log_var": -2.0},
    {**LEAKY, "head": 0.0, "log_var": -4.0},
    {**LEAKY, "rate": 2e-3},
    {**LEAKY, "normalization": "batch"},
    {**LEAKY, "likelihood": "normal_learned_scale"},
    {**LEAKY, "initializer": "he_normal"},
    {**LEAKY, "normalization": "group"},
    {**LEAKY, "warm_up": 100},
    {**LEAKY, "likelihood": "continuous_bernoulli"},
)
OTHERS = (("digits", "dense"), ("photos32", "dense"), ("photos32", "conv_map"))
COARSE = [replace(Trial(data="photos32"), **change) for change in CHANGES]
COARSE += [
    replace(Trial(data=data, network=network), **change)
    for data, network in OTHERS
    for change in (CHANGES[0], NEW)
]
COARSE += [
    replace(Trial(data=data), **change)
    for data in ("fashion_mnist", "photos64", "photos128")
    for change in (CHANGES[0], NEW)
]

WHOLE = [
    replace(Trial(data=data, seed=seed, steps=steps), **change)
    for steps in (500, 2000)
    for data in ("photos64", "photos32", "fashion_mnist", "digits")
    for change in (CHANGES[0], NEW, CHANGES[2])
    for seed in range(3)
]
PASSES = {"coarse": COARSE, "whole": WHOLE}
