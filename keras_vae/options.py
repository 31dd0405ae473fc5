"""Checks of the options of programs, before any work: numbers, and options that need others."""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from keras_vae.errors import UsageError

LARGEST = 2**31 - 1  # Of the integers in training steps.
# Options of several numbers, and what these are.
SIDES = {"--image-size": ("height", "width"), "--image-shape": ("height", "width", "channels")}


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


@contextlib.contextmanager
def explain(words: Sequence[str]) -> Iterator[None]:
    """Add advice to what a parser says of numbers that are joined, or of a side too few.

    Example:
        >>> with explain(["--filters", "32,64"]):  # Write --filters 32 64.
        ...     sys.exit(2)

    Args:
        words: The command line.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            yield
    except SystemExit as end:
        if end.code == 2 and (advice := _advice(words, said.getvalue())):
            said.write(f"{advice}\n")
        raise
    finally:
        # Blanks in place of marks that the parser leaves in keep its box straight.
        text = re.sub(r"\[bold\](.*?)\[/bold\](`?)", rf"\1\2{13 * ' '}", said.getvalue())
        sys.stderr.write(text)


def _advice(words: Sequence[str], said: str) -> str:
    """Return the advice for the first value of an option that a parser has named, or ""."""
    for name, value in _values(words):
        if f"parsing {name}" in said and re.fullmatch(r"\[?\(?[\d.]+([,x][\d.]+)+\)?\]?", value):
            numbers = " ".join(re.findall(r"[\d.]+", value))
            return (
                f"Error: Expected numbers that are separated by blanks. Received: {name} {value}. "
                f"(Write {name} {numbers}.)"
            )
    for name, meaning in SIDES.items():
        given = [value for option, value in _values(words) if option == name]
        if f"parsing {name}" in said and given and len(given) < len(meaning):
            return (
                f"Error: Expected {name} with {' and '.join(meaning)}. Received: "
                f"{' '.join(given)}. (Write {name} {' '.join([given[-1]] * len(meaning))}, for "
                "example.)"
            )
    return ""


def _values(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each value of a command line with the option before it."""
    option = ""
    for word in words:
        if word.startswith("--"):
            option, sign, value = word.partition("=")
            if sign:
                yield option, value
        elif option:
            yield option, word


def expand_home(word: str) -> str:
    """Return a word with the home folder in place of ~, which shells leave after a sign."""
    option, sign, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
    return f"{option}{sign}{os.path.expanduser(value)}" if value[:1] == "~" else word
