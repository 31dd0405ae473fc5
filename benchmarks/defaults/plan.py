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

# Cheap ones first. Photos of 128 pixels take most of the time, so they have two candidates.
WHOLE = [
    replace(Trial(data=data, network=network, seed=seed, steps=steps), **change)
    for data, network, changes in (
        ("digits", "conv", (CHANGES[0], NEW, CHANGES[2])),
        ("photos32", "conv", (CHANGES[0], NEW, CHANGES[2])),
        ("photos32", "conv_map", (CHANGES[0], NEW)),
        ("fashion_mnist", "conv", (CHANGES[0], NEW, CHANGES[2])),
        ("photos64", "conv", (CHANGES[0], NEW, CHANGES[2])),
        ("photos128", "conv", (CHANGES[0], NEW)),
    )
    for steps in (500, 2000)
    for change in changes
    for seed in range(3)
]
# 40 epochs of 540 photos, as the page about your own images has them.
PHOTOS = [replace(Trial(data="photos64", seed=seed, steps=680), **NEW) for seed in range(3)]
EXPLOSIONS = [
    replace(Trial(data="photos64", network="dense", rate=2e-3, steps=40, seed=seed), **change)
    for change in ({}, LEAKY, NEW)
    for seed in range(2)
]
SCALES = [
    replace(
        Trial(data="digits", network=network, likelihood=likelihood, scale=scale, seed=seed), **NEW
    )
    for network, likelihood in (
        ("dense", "normal_per_element"),
        ("conv", "normal_per_element"),
        ("dense", "normal_learned_scale"),
    )
    for scale in ("one", "data")
    for seed in range(3)
]
PASSES = {
    "coarse": COARSE,
    "whole": WHOLE,
    "photos": PHOTOS,
    "explosions": EXPLOSIONS,
    "scales": SCALES,
}
