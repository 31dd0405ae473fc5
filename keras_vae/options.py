"""Checks of the options of programs, before any work: numbers, and options that need others."""

import os
from typing import Any

from keras_vae.errors import UsageError

LARGEST = 2**31 - 1  # Of the integers in training steps.


def only_with(needed: str, is_given: object, **options: Any) -> None:
    """Raise ValueError for options that would have no effect.

    Example:
        >>> only_with("--serve", serve, port=port)

    Args:
        needed: The option, or the kind of input, without which the others have no effect.
        is_given: Whether it is given.
        **options: The others by their Python names. None, False and () are those left out.
    """
    if is_given:
        return
    for name, value in options.items():
        if value is not None and value is not False and value != ():
            shown = "" if value is True else f" {value}"
            raise UsageError(
                f"Expected {flag(name)} only with {needed}. Received: {flag(name)}{shown} without "
                f"it. (Leave {flag(name)} out.)"
            )


def at_least(smallest: int, **options: int | None) -> None:
    """Raise ValueError for a number that is given and out of range, up to `LARGEST`."""
    for name, value in options.items():
        if value is not None and value < smallest:
            raise UsageError(f"Expected {flag(name)} of at least {smallest}. Received: {value}.")
        if value is not None and value > LARGEST:
            raise UsageError(f"Expected {flag(name)} of at most {LARGEST}. Received: {value}.")


def flag(name: str) -> str:
    """Return the option of a Python name, such as --batch-size."""
    return f"--{name.replace('_', '-')}"


def expand_home(word: str) -> str:
    """Return a word with the home folder in place of ~, which shells leave after a sign."""
    option, sign, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
    return f"{option}{sign}{os.path.expanduser(value)}" if value[:1] == "~" else word
