"""The documents: every Python block runs as it stands, shows what it says, and no link is broken.

The blocks of a page run in order in one namespace, in an empty folder. Two things are given to
them: a folder `photos/` where a page says so, and a small part of a data set that a block would
download. A block that cannot run has a comment before it, `<!-- not run: REASON -->`. A block of
text after the comment `<!-- output -->` is what the Python block before it prints, with `...` for
any text.
"""

import contextlib
import doctest
import gzip
import io
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
MOST_NOT_RUN = 5
MOST_WORDS_OF_README = 900

FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[\w-]*)[^\n]*\n"
    r"(?P<code>.*?)^(?P=indent)(?P=ticks) *$",
    re.MULTILINE | re.DOTALL,
)
COMMENT = re.compile(r"<!--\s*(?P<text>[^<>]*?)\s*-->\s*\Z")
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ +(?P<text>.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its line, its language, its text, and the comment before it."""

    line: int
    language: str
    code: str
    comment: str

    @property
    def reason(self) -> str | None:
        """The reason why the block is not run, or None."""
        found = re.match(r"not run:(.*)", self.comment, re.DOTALL)
        return found and found[1].strip()


def pages() -> list[str]:
    """The README and every page of the documents, relative to the repository."""
    documents = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    return ["README.md", *sorted(documents)]


def blocks(text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        comment = COMMENT.search(before)
        indent = len(match["indent"])
        lines = [line[indent:] for line in match["code"].splitlines()]
        code = "".join(f"{line}\n" for line in lines)
        yield Block(
            before.count("\n") + 2, match["language"], code, comment["text"] if comment else ""
        )


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def python_blocks(page: str) -> list[Block]:
    return [block for block in blocks(read(page)) if block.language in ("python", "py")]


# Data that users have or that a block downloads.


def write_photos(folder: Path) -> None:
    """Two dozen color images of several sizes, with sub-folders as labels."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for number in range(24):
        path = folder / "photos" / ("cats", "dogs")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = generator.integers(70, 100, 2)
        pixels = generator.integers(0, 256, (height, width, 3), "uint8")
        Image.fromarray(pixels).save(path)


def small_fashion_mnist() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """As `keras.datasets.fashion_mnist.load_data`, 256 training and 64 test images of noise."""
    generator = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        images = generator.integers(0, 256, (count, 28, 28)).astype("uint8")
        return images, np.arange(count).astype("uint8") % 10

    return part(256), part(64)


def write_idx_files(folder: Path) -> None:
    """Fashion-MNIST's files, with 60 training and 10 test images of noise."""
    (folder / "fashion-mnist").mkdir()
    random = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 10)):
        images = random.integers(0, 256, (count, 28, 28), "uint8")
        labels = np.arange(count, dtype="uint8") % 10
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            path = folder / "fashion-mnist" / f"{part}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(head + array.tobytes()))


GIVEN: dict[str, list[Callable[[Path], None]]] = {
    "README.md": [write_photos],
    "docs/getting-started.md": [write_idx_files],
}


# The tests.


def run(page: str, output: io.StringIO) -> None:
    """Run the blocks of a page; tracebacks name the page and its lines."""
    namespace = {"__name__": "__main__"}
    ran = ""
    for block in blocks(read(page)):
        if block.language in ("python", "py") and block.reason is None:
            start = output.tell()
            code = "\n" * (block.line - 1) + block.code
            exec(compile(code, str(ROOT / page), "exec"), namespace)
            ran = output.getvalue()[start:]
        elif block.comment == "output":
            check_output(page, block, ran)


def check_output(page: str, block: Block, printed: str) -> None:
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(block.code, printed, options), (
        f"{page}:{block.line}: Expected the output of the block before it:\n{block.code}"
        f"Received:\n{printed}"
    )


@pytest.mark.tensorflow
@pytest.mark.parametrize("page", [page for page in pages() if python_blocks(page)])
def test_the_python_blocks_of_a_page_run_in_order(page, tmp_path, monkeypatch):
    import keras

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", small_fashion_mnist)
    for give in GIVEN.get(page, ()):
        give(tmp_path)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        run(page, output)


def test_few_blocks_are_not_run_and_each_says_why():
    reasons = {
        f"{page}:{block.line}": block.reason
        for page in pages()
        for block in python_blocks(page)
        if block.reason is not None
    }
    assert all(reasons.values()), reasons
    assert len(reasons) <= MOST_NOT_RUN, reasons


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    plain = [re.sub(r"[^\w\- ]", "", match["text"].lower()) for match in HEADING.finditer(text)]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", pages())
def test_links_lead_to_files_and_headings_that_exist(page):
    text = FENCE.sub("", read(page))
    broken = []
    for match in LINK.finditer(text):
        path, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(match["target"])
    assert not broken, f"{page} has links that lead nowhere: {broken}"


def test_the_readme_is_short():
    text = FENCE.sub("", read("README.md"))
    words = re.findall(r"\w[^\s|]*", re.sub(r"\]\([^)]*\)", "]", text))
    assert len(words) <= MOST_WORDS_OF_README


# The reader of pages.

PAGE = """\
```python
x = 1
```

- In a list:

  ```python
  print(x + 1)
  ```

  <!-- output -->
  ```text
  2
  ```

<!-- not run: it
     needs a phone -->

```python
1 / 0
```

````md
```python
```
````
"""


def test_blocks_have_their_lines_comments_and_no_indent():
    found = list(blocks(PAGE))
    assert [(block.line, block.language) for block in found] == [
        *((2, "python"), (8, "python"), (13, "text"), (20, "python"), (24, "md"))
    ]
    assert found[1].code == "print(x + 1)\n"
    assert found[2].comment == "output"
    assert [block.reason for block in found] == [
        *(None, None, None, "it\n     needs a phone", None)
    ]


def test_a_wrong_output_and_a_block_that_raises_are_errors(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "page.md").write_text(PAGE)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        run("page.md", output)
    (tmp_path / "page.md").write_text(PAGE.replace("  2\n", "  3\n"))
    with contextlib.redirect_stdout(io.StringIO()) as output, pytest.raises(AssertionError):
        run("page.md", output)
    (tmp_path / "page.md").write_text(PAGE.replace("not run: it", "run it"))
    with contextlib.redirect_stdout(io.StringIO()) as output, pytest.raises(ZeroDivisionError):
        run("page.md", output)
