"""Sphinx extension of the documentation site: sections, links to the repository, and llms.txt.

Pages stay Markdown as GitHub shows it. Three things are changed while they are read. A list of
links after the comment `<!-- contents -->` also becomes a table of contents. Links to files outside
docs/ lead to the repository. A notebook gets a link to its executed file.
"""

import inspect
import re
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONTENTS = re.compile(r"<!-- contents -->\n(?P<list>(?:[-*] .*\n|  +.*\n)+)")
ENTRY = re.compile(r"^[-*] \[(?P<title>[^\]]+)\]\((?P<path>[^)#]+)\.md\)", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
NOTEBOOK = re.compile(r"---\njupytext:\n.*?\n---\n\n# [^\n]+\n", re.DOTALL)
CODE = re.compile(r"(`+[^`]+`+)(\w?)")
MARKUP = re.compile(r"[|*]|(?<=\w)_(?!\w)")
FENCE = re.compile(r"^( *)```.*?^\1``` *$", re.MULTILINE | re.DOTALL)

_FIELD = type(vars(namedtuple("_Example", "field"))["field"])


def setup(app: Any) -> dict[str, bool]:
    """Connect the extension with Sphinx.

    Args:
        app: The application of Sphinx.
    """
    app.add_config_value("site_description", "", "env")
    app.add_config_value("site_repository", "", "env")
    app.connect("source-read", read_source)
    app.connect("autodoc-process-docstring", escape_docstring, priority=400)  # Before napoleon.
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-skip-member", skip_field)
    app.connect("build-finished", write_llms_txt)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def read_source(app: Any, name: str, source: list[str]) -> None:
    """Change the text of a page, the one element of `source`, before it is parsed."""
    page = Path(app.srcdir, f"{name}.md")
    text = with_download(with_contents(source[0]), page.stem)
    source[0] = with_repository_links(text, page, Path(app.srcdir), app.config.site_repository)


def with_contents(text: str) -> str:
    """Add a hidden table of contents after each list that the comment marks."""
    return CONTENTS.sub(lambda match: match[0] + _toctree(match["list"]), text)


def _toctree(entries: str) -> str:
    lines = [f"{match['title']} <{match['path']}>" for match in ENTRY.finditer(entries)]
    return "\n".join(["", "```{toctree}", ":hidden:", "", *lines, "```", ""])


def with_download(text: str, name: str) -> str:
    """Add a link to the executed file of a notebook below its title; other pages stay."""
    link = f"\n{{nb-download}}`Download this notebook <{name}.ipynb>`\n"
    head = NOTEBOOK.match(text)
    return head[0] + link + text[head.end() :] if head else text


def with_repository_links(text: str, page: Path, documents: Path, repository: str) -> str:
    """Let links to files outside `documents` lead to `repository`, or without one to a copy.

    Args:
        text: Markdown.
        page: File of the page, which its links are relative to.
        documents: Folder of all pages, in the root of the repository.
        repository: URL of the repository, or an empty string.
    """

    def changed(match: re.Match[str]) -> str:
        text, path, anchor = match["text"], match["path"], match["anchor"] or ""
        target = (page.parent / path).resolve()
        if target.suffix == ".md" and target.is_relative_to(documents):
            return match[0]
        if repository:
            kind = "tree" if target.is_dir() else "blob"
            file = target.relative_to(documents.parent).as_posix()
            return f"[{text}]({repository}/{kind}/main/{file}{anchor})"
        return text if target.is_dir() else f"{{download}}`{text.replace('`', '')} <{path}>`"

    return "".join(
        part if is_code else LINK.sub(changed, part) for is_code, part in _parts_of_code(text)
    )


def _parts_of_code(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the parts of a page, each with whether it is a block of code."""
    end = 0
    for match in FENCE.finditer(text):
        yield False, text[end : match.start()]
        yield True, match[0]
        end = match.end()
    yield False, text[end:]


def escape_docstring(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep what formulas have from being read as markup: |x|, and_, `code`s; examples stay."""
    in_example = False
    for number, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example:
            lines[number] = _escape(line)


def _escape(line: str) -> str:
    text, *rest = CODE.split(line)
    parts = [MARKUP.sub(r"\\\g<0>", text)]
    for code, letter, text in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        parts += [code, f"\\ {letter}" if letter else "", MARKUP.sub(r"\\\g<0>", text)]
    return "".join(parts)


def plain_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Return the signature of a class as its `__init__` has it; Keras hides it by `__new__`."""
    from sphinx.util.inspect import signature as signature_of
    from sphinx.util.inspect import stringify_signature

    if what not in ("class", "function") or getattr(obj, "__init__", None) is object.__init__:
        return None
    is_class = what == "class"
    found = signature_of(obj.__init__ if is_class else obj, bound_method=is_class)
    parameters = [_with_plain_default(parameter) for parameter in found.parameters.values()]
    result = inspect.Signature.empty if is_class else found.return_annotation
    found = found.replace(parameters=parameters, return_annotation=result)
    text, arrow, returned = stringify_signature(found, unqualified_typehints=True).partition(" -> ")
    return text, returned


def skip_field(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave the fields of a named tuple to its docstring, which lists them as attributes."""
    return True if isinstance(obj, _FIELD) else None


class _Plain:
    """A default value that is shown by its name."""

    def __init__(self, value: Any) -> None:
        self.name = getattr(value, "__name__", "...")

    def __repr__(self) -> str:
        return self.name


def _with_plain_default(parameter: inspect.Parameter) -> inspect.Parameter:
    if "<" in repr(parameter.default) and parameter.default is not parameter.empty:
        return parameter.replace(default=_Plain(parameter.default))
    return parameter


def write_llms_txt(app: Any, exception: Exception | None) -> None:
    """Write llms.txt, the list of all pages by section (llmstxt.org), beside the site's home."""
    if exception is None and app.builder.format == "html":
        Path(app.outdir, "llms.txt").write_text(llms_txt(app.env, app.config), encoding="utf-8")


def llms_txt(environment: Any, config: Any) -> str:
    """Return the text of llms.txt: a heading for each section, a link for each of its pages."""
    lines = [f"# {config.project}", "", f"> {config.site_description}", ""]
    for section in environment.toctree_includes[config.root_doc]:
        lines += [f"## {environment.titles[section].astext()}", ""]
        pages = [section, *environment.toctree_includes.get(section, [])]
        lines += [f"- [{environment.titles[page].astext()}](_sources/{page}.md)" for page in pages]
        lines.append("")
    return "\n".join(lines)
