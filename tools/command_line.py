"""The program that writes docs/command-line.md from the help of all programs."""

import contextlib
import io
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from keras_vae import __main__ as keras_vae_command
from keras_vae import cli
from keras_vae.errors import UsageError

WIDTH = 100
# Recipes have options in addition to those of a training; one is shown for all.
EXAMPLE = "train conv_vae_digits"
PAGE = Path("docs/command-line.md")

TITLE = """\
# The command line

<!-- Written by `python -m tools.command_line` from the docstrings of the programs. -->

All programs are words of one command, `keras-vae`. To see your options, add `--help` to any of
them. To install what the programs need, run `pip install "keras-vae[all]"`.

```
keras-vae train conv_vae_digits --out runs/first
keras-vae evaluate runs/first
```

You can tell from the exit status what happened:

| status | meaning |
|---|---|
| 0 | All is well. |
| 1 | A check failed, for example in `verify`. |
| 2 | Your input is wrong. The message on stderr says what to do. |
| 70 | You met a bug. The traceback is on stderr. |
| 75 | The program stopped early, and the same command continues from there. |
| 130 | You pressed Ctrl-C. |
| 141 | The reader of the output, such as `head`, ended first. |
| 143 | The program received SIGTERM, and the same command starts again from the beginning. |

For a traceback of every error, set `KERAS_VAE_TRACEBACK=1`. In the options below, `{None}|INT`
means an integer, and that you can leave the option out. The options of a training depend on its
recipe, so the page shows them for one recipe. For yours, run `keras-vae train RECIPE --help`.
"""


def command_line(page: Path = PAGE, check: bool = False) -> int:
    """Write the page of all programs and their options.

    Args:
        page: The page to write; its folder exists.
        check: Write nothing, and exit with status 1 if the page is not up to date.
    """
    if not page.parent.is_dir():
        raise UsageError(f"Expected a page in a folder that exists. Received: {page}.")
    text = page_text()
    if not check:
        page.write_text(text)
        print(f"Saved {page}")
        return 0
    if page.is_file() and page.read_text() == text:
        return 0
    print(f"{page} differs from the help of the programs. (Run: python -m tools.command_line)")
    return 1


def page_text() -> str:
    """Return the page."""
    names = [name for program in keras_vae_command.PROGRAMS for name in _with_example(program)]
    parts = [TITLE, "## keras-vae\n", _block(help_text(""))]
    for name in names:
        parts += [f"## keras-vae {name}\n", _block(help_text(name))]
    return "\n".join(parts)


def help_text(program: str) -> str:
    """Return what `keras-vae PROGRAM --help` prints, in ASCII, in lines of at most `WIDTH`."""
    printed = io.StringIO()  # Without an encoding, so that no boxes are drawn.
    columns = mock.patch.dict(os.environ, {"COLUMNS": str(WIDTH)})
    with columns, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        keras_vae_command.main([*program.split(), "--help"])
    return "\n".join(_wrap(printed.getvalue())).strip() + "\n"


def _with_example(program: str) -> list[str]:
    return [program, EXAMPLE] if program == EXAMPLE.split()[0] else [program]


def _wrap(text: str) -> Iterator[str]:
    """Yield lines without spaces at their ends; long paragraphs and tables are wrapped."""
    last = ""
    for line in map(str.rstrip, text.splitlines()):
        if not line and not last:
            continue
        last = line
        column = re.match(r"\S+ {2,}(?=\S)", line)  # A name and its text, as in a list of recipes.
        indent = " " * (column.end() if column else 0)
        yield from textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [
            ""
        ]


def _block(text: str) -> str:
    return f"```text\n{text}```\n"


if __name__ == "__main__":
    cli.main(command_line, program="python -m tools.command_line")
