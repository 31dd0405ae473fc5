"""Text for a terminal: control characters from files are shown, not obeyed."""

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import IO, Any

# Control characters except newline and tab, and those that reverse the direction of text.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# Colors, and the way back of a progress bar, are harmless. Concealed text (8) is not.
HARMLESS = re.compile("\x1b\\[(?:[0-7]|[39][0-7])?m|[\b\r]")


def escape(text: str) -> str:
    """Return text with its control characters replaced by their codes."""
    return CONTROL.sub(_written, text)


@contextlib.contextmanager
def escaped_output() -> Iterator[None]:
    """Escape control characters of all that the block prints, except colors and progress bars."""
    out, error = _EscapedStream(sys.stdout), _EscapedStream(sys.stderr)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        yield


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


class _EscapedStream:
    """A text stream that escapes what is written to it."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        kept = iter(HARMLESS.findall(text))
        shown = "".join(escape(part) + next(kept, "") for part in HARMLESS.split(text))
        known = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(shown.encode(known, "backslashreplace").decode(known))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
