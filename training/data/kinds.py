"""The kinds of examples, and what programs call one of them and many."""

from collections.abc import Sequence

# The kinds of examples by the rank of their arrays.
KINDS = {2: "rows", 3: "series", 4: "images", 5: "volumes"}
# Where a value of an example lies.
PLACES = {"rows": "number", "series": "step and feature", "images": "pixel", "volumes": "voxel"}


def kind_of(shape: Sequence[int]) -> str:
    """Return the kind of examples of a shape without the batch axis, one of `KINDS`."""
    return KINDS.get(len(shape) + 1, "examples")


def one_of(kind: str) -> str:
    """Return the word for one of a kind, such as image for images."""
    return kind if kind.endswith("series") else kind.removesuffix("s")


def count_of(number: int, kind: str) -> str:
    """Return a number with its noun, such as "1 test image" for 1 and "test images"."""
    return f"{number:,} {one_of(kind) if number == 1 else kind}"


def count_parts(train: int, test: int, kind: str, tested: str = "test") -> str:
    """Return the numbers of training and test examples, such as "8 training and 1 test image"."""
    return f"{train:,} training and {count_of(test, f'{tested} {kind}')}"
