"""The documentation site: its sections, its links, and the build, where a warning is an error."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import keras_vae as kv
from tools import site

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "docs"


def pages():
    return sorted(path.relative_to(DOCUMENTS).as_posix() for path in DOCUMENTS.rglob("*.md"))


def listed(page):
    """The pages in the lists of contents of a page, relative to docs/."""
    text = (DOCUMENTS / page).read_text(encoding="utf-8")
    for block in site.CONTENTS.finditer(text):
        for entry in site.ENTRY.finditer(block["list"]):
            target = (DOCUMENTS / page).parent / f"{entry['path']}.md"
            yield target.resolve().relative_to(DOCUMENTS).as_posix()


def test_every_page_is_in_the_contents_of_one_section():
    found = [target for page in pages() for target in listed(page)]
    assert sorted(found) == [page for page in pages() if page != "index.md"], (
        "Expected each page once in a list after <!-- contents -->, such as that of docs/guides.md."
    )


def test_a_list_becomes_a_table_of_contents_and_stays():
    text = "A\n\n<!-- contents -->\n- [One](a/one.md): the\n  first.\n- [Two](../two.md)\n\nB\n"
    assert site.with_contents(text) == (
        text.removesuffix("\nB\n")
        + "\n```{toctree}\n:hidden:\n\nOne <a/one>\nTwo <../two>\n```\n\nB\n"
    )
    assert site.with_contents("- [One](one.md)\n") == "- [One](one.md)\n"


def test_a_notebook_has_a_link_to_its_file_below_its_title():
    text = (DOCUMENTS / "notebooks/deploy.md").read_text()
    found = site.with_download(text, "deploy").splitlines()
    title = found.index("# Deploy to a server and a phone")
    assert found[title + 2] == "{nb-download}`Download this notebook <deploy.ipynb>`"
    assert [*found[: title + 1], *found[title + 3 :]] == text.splitlines()
    assert site.with_download("# Title\n", "deploy") == "# Title\n"


URL = "https://example.org/project"


@pytest.mark.parametrize(
    ("link", "with_url", "without"),
    [
        ("[a](results.md#top)", "[a](results.md#top)", "[a](results.md#top)"),
        (
            "[a](../README.md#top)",
            f"[a]({URL}/blob/main/README.md#top)",
            "{download}`a <../README.md>`",
        ),
        ("[a](../keras_vae/nets)", f"[a]({URL}/tree/main/keras_vae/nets)", "a"),
        ("[a](conf.py)", f"[a]({URL}/blob/main/docs/conf.py)", "{download}`a <conf.py>`"),
        *((same, same, same) for same in ("![a](images/x.png)", "[a](#b)", "[a](https://b.org/c)")),
        *((same, same, same) for same in ("```\n[a](../README.md)\n```",)),
    ],
)
def test_links_out_of_the_documents_lead_to_the_repository(link, with_url, without):
    page = DOCUMENTS / "page.md"
    assert site.with_repository_links(link, page, DOCUMENTS, URL) == with_url
    assert site.with_repository_links(link, page, DOCUMENTS, "") == without


def test_formulas_are_no_markup_and_examples_stay():
    lines = ["-log |x| * y_, `|z|`s of x_i", ">>> f(*x)", "|1|", "", "*"]
    site.escape_docstring(None, "function", "f", None, None, lines)
    assert lines == [r"-log \|x\| \* y\_, `|z|`\ s of x_i", ">>> f(*x)", "|1|", "", r"\*"]


def test_fields_of_a_named_tuple_are_left_to_its_docstring():
    shape = site.skip_field(None, "class", "shape", kv.data.Images.image_shape, False, None)
    field = site.skip_field(None, "class", "train", kv.data.Images.train, False, None)
    assert (shape, field) == (None, True)


class Targets(HTMLParser):
    """The targets of links and images of a page, and its anchors."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors.add(values.get("id"))
        self.targets += [values[name] for name in ("href", "src") if values.get(name)]


def broken_links(folder):
    """The links of all pages that lead to no file or anchor of the site."""
    html = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    parsed = {path: Targets(path) for path in html}
    for path, page in parsed.items():
        for target in page.targets:
            place, _, anchor = unquote(target).partition("#")
            if re.match(r"[a-z]+:", place):
                continue
            file = (path.parent / place.partition("?")[0]).resolve() if place else path
            has_anchor = not anchor or file not in parsed or anchor in parsed[file].anchors
            if not file.exists() or not has_anchor:
                yield f"{path.relative_to(folder)}: {target}"


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="x"><a href="#x"></a><a href="#y"></a><a href="a.html#x"></a><img src="b.png?v=1">'
    )
    assert list(broken_links(tmp_path)) == ["a.html: #y", "a.html: b.png?v=1"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    # The notebooks run in test_notebooks.py.
    options = ["-W", "--keep-going", "-q", "-b", "html", "-D", "nb_execution_mode=off"]
    command = [sys.executable, "-m", "sphinx", *options]
    result = subprocess.run(
        [*command, "docs", str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert result.returncode == 0, result.stderr
    return folder


@pytest.mark.extra(name="docs")
@pytest.mark.tensorflow
def test_the_site_has_no_broken_link(built):
    assert list(broken_links(built)) == []


@pytest.mark.extra(name="docs")
@pytest.mark.tensorflow
def test_llms_txt_lists_every_page_by_its_source(built):
    lines = (built / "llms.txt").read_text().splitlines()
    sources = re.findall(r"\((_sources/.*?)\)", "\n".join(lines))
    assert sorted(sources) == [f"_sources/{page}" for page in pages() if page != "index.md"]
    assert all((built / source).is_file() for source in sources)
    assert lines[0] == "# keras_vae" and "## Guides" in lines
