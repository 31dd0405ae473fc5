"""How modules import each other: no circle, and no import of programs by the library."""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_vae"
# Modules in which the public API is put together from the others, when it is first used.
FACADE = {"keras_vae", "keras_vae._api", "keras_vae._imports"}


def _name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def modules():
    paths = [*PACKAGE.rglob("*.py")]
    for program in ("training", "export"):  # Links in the package, which rglob does not follow.
        paths += (PACKAGE / program).resolve().rglob("*.py")
    named = {_name(path): path for path in paths}
    prefix = ("training", "export")
    return {f"keras_vae.{n}" if n.split(".")[0] in prefix else n: p for n, p in named.items()}


def _at_import(tree):
    """Import statements that run when a module is imported: none inside of functions."""
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
        elif isinstance(node, ast.If | ast.Try | ast.With):
            todo += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def _targets(node, known):
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield alias.name
        else:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in known else node.module


def arrows(every=False):
    """Module to the modules of this package that it imports; `every` also inside of functions."""
    known = modules()
    found = {}
    for name, path in known.items():
        tree = ast.parse(path.read_text())
        everywhere = (n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
        nodes = everywhere if every else _at_import(tree)
        targets = {target for node in nodes for target in _targets(node, known)}
        found[name] = (targets & set(known)) - {name} - FACADE
    return found


def circle(graph):
    """One circle of imports, as a list of modules; None if there is none."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return None
        path.append(name)
        for target in sorted(graph.get(name, ())):
            if found := visit(target):
                return found
        path.pop()
        done.add(name)
        return None

    return next(filter(None, map(visit, sorted(graph))), None)


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


def test_no_module_imports_itself_by_way_of_others():
    assert len(modules()) > 200
    assert circle(arrows()) is None


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("keras_vae.training", "keras_vae.export"), ("keras_vae", "tests"), ("keras_vae", "tools")],
)
def test_lower_layers_do_not_import_upper_ones(lower, upper):
    for name, path in modules().items():
        if name.startswith(f"{lower}."):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                wrong = [n for n in names if n == upper or n.startswith(f"{upper}.")]
                assert not wrong, f"{name} imports {wrong}"


def test_the_library_imports_programs_only_to_export_a_model_and_to_read_images():
    allowed = {
        "keras_vae.base.serving": "keras_vae.export.writers",
        "keras_vae.data.images": "keras_vae.training.data.loading",
    }
    for name, targets in arrows(every=True).items():
        if name.split(".")[1:2] in (["training"], ["export"]) or name == "keras_vae.__main__":
            continue
        upper = {t for t in targets if t.startswith(("keras_vae.training", "keras_vae.export"))}
        assert upper <= {allowed.get(name)}, f"{name} imports {sorted(upper)}"


def test_modules_are_short_and_few_lie_beside_the_packages():
    long = {n: len(p.read_text().splitlines()) for n, p in modules().items()}
    assert {n: count for n, count in long.items() if count > 300} == {}
    assert len([p for p in PACKAGE.glob("*.py") if not p.stem.startswith("__")]) <= 12


def test_every_package_says_which_question_it_answers():
    for name, path in modules().items():
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text())), name
