"""One case of bad input, for the tables of tests/test_bad_*.py, and how it is checked."""

import contextlib
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keras_vae.errors import KerasVAEError


@dataclasses.dataclass(frozen=True)
class Bad:
    """Something that is refused.

    Attributes:
        call: What to do; it is given an empty folder.
        message: Parts of the error in their order, between "...", after "Expected".
        error: The built-in type that it is, too; it is raised on purpose.
    """

    call: Callable[[Path], Any]
    message: str
    error: type[Exception] = ValueError

    def check(self, folder: Path) -> None:
        """The call raises the error, in the house form, and changes no file of the folder."""
        before: dict[Path, bytes] = {}

        def act() -> None:
            prepared = self.call(folder)
            before.update(contents(folder))
            prepared()

        with contextlib.redirect_stdout(io.StringIO()), pytest.raises(self.error) as caught:
            act()
        assert isinstance(caught.value, KerasVAEError | OSError), repr(caught.value)
        check_text(str(caught.value), self.message)
        assert contents(folder) == before


def contents(folder: Path) -> dict[Path, bytes]:
    """What is in all files of a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_text(text: str, message: str) -> None:
    """The house form: "Expected ... Received ...", with the parts of `message` in their order."""
    position = 0
    for part in ("Expected", *message.split("...")):
        assert part in text[position:], text
        position = text.index(part, position)
    assert "Received" in text, text


def every(table: dict[str, Bad]) -> Any:
    """A decorator: the test runs over the table, its cases named."""
    return pytest.mark.parametrize("case", table.values(), ids=table.keys())


def touched(path: Path, content: bytes = b"here before") -> Path:
    """A file that must stay as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
