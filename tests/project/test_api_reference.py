"""The API pages: each public name is on one page, and its docstring has what a user needs."""

import inspect
import re
from collections import Counter
from types import ModuleType

import pytest

import keras_vae
from tests.support.examples import documented, public

# Public names of modules that `keras_vae` does not list.
OTHERS = {
    "data.Images",
    "dimension_reduction.AutoencoderTransformer",
    "export.litert.writer.read_metadata",
    "export.litert.writer.verify",
    "export.onnx_files.metadata.read_metadata",
    "export.onnx_files.writer.verify",
    "export.openvino_files.files.read_metadata",
    "export.openvino_files.writer.verify",
    "export.torch_files.files.read_metadata",
    "export.torch_files.writer.verify",
    "export.serving.Client",
    "export.serving.DeadlineExceeded",
    "export.serving.ServingError",
    "export.serving.Unavailable",
}
# Public names without an example of their own.
WITHOUT_EXAMPLE = {
    *(f"errors.{name}Error" for name in ("Conversion", "MissingExtra", "Tolerance")),
    *(f"errors.{name}Error" for name in ("Unavailable", "Usage", "UsageType")),
    *(f"export.serving.{name}" for name in ("DeadlineExceeded", "ServingError", "Unavailable")),
}
# Models that are no method of a paper.
WITHOUT_PAPER = {"Autoencoder", "ConvAutoencoder"}


def public_names():
    """All public names below `keras_vae`: its own, and those of its public modules."""
    for name in keras_vae.__all__:
        value = getattr(keras_vae, name)
        if isinstance(value, ModuleType):
            yield from (f"{name}.{part}" for part in value.__all__)
        else:
            yield name
    yield from OTHERS


def has_docstring(value):
    return inspect.isclass(value) or inspect.isfunction(value)


def thing(name):
    """What a name stands for: a class or function is one thing, by whichever of its names."""
    value = public(name)
    return f"{value.__module__}.{value.__qualname__}" if has_docstring(value) else name


def test_each_public_name_is_on_one_page():
    expected = {thing(name) for name in public_names()}
    found = Counter(thing(name) for name in documented())
    assert set(found) == expected, (
        "Expected the public names on the pages of docs/api, and no others. "
        f"Missing: {expected - set(found)}. Too many: {set(found) - expected}."
    )
    assert [name for name, count in found.items() if count > 1] == []


NAMES = sorted(name for name in documented() if has_docstring(public(name)))
MODELS = [
    name
    for name in NAMES
    if inspect.isclass(public(name)) and issubclass(public(name), keras_vae.Autoencoder)
]


def test_names_without_an_example_are_these():
    assert {n for n in NAMES if ">>>" not in inspect.getdoc(public(n))} == WITHOUT_EXAMPLE


def own_code(name):
    """The function behind a name: itself, or the constructor of its class; None for neither."""
    value = public(name)
    made = vars(value).get("__init__") if inspect.isclass(value) else value
    is_own = inspect.isfunction(made) and made.__module__.startswith("keras_vae")
    return made if is_own and not made.__code__.co_filename.startswith("<") else None


def refers_to_others(text):
    return re.search(r"those of|[Aa]s in `|[Aa]rguments|arguments are", text)


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_names_every_argument(name):
    text = inspect.getdoc(public(name))
    code = own_code(name)
    if code is None or refers_to_others(text):
        return
    wanted = [part for part in inspect.signature(code).parameters if part != "self"]
    missing = [part for part in wanted if not re.search(rf"\b{part}\b", text)]
    assert not missing, f"Expected the arguments in the docstring of {name}. Missing: {missing}."


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_names_the_errors_that_its_code_raises(name):
    code = own_code(name)
    if code is None:
        return
    if re.search(r"^ +raise (?!NotImplemented)", inspect.getsource(code), re.MULTILINE):
        text = inspect.getdoc(public(name))
        assert re.search(r"Raises:|[Ee]rrors are", text), f"Expected `Raises:` in {name}."


@pytest.mark.parametrize("name", [name for name in MODELS if name not in WITHOUT_PAPER])
def test_a_model_names_its_paper(name):
    text = inspect.getdoc(public(name))
    assert re.search(r"\b(19|20)\d\d\b", text), f"Expected the paper of {name}, with its year."


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_its_loss(name):
    text = inspect.getdoc(public(name))
    assert re.search(r"\b[Ll]oss\b|objective", text), f"Expected the loss of {name}."


def badly_indented(docstring):
    """Lines that follow the item of a list without its indent, which Sphinx refuses."""
    lines = inspect.cleandoc(docstring).splitlines()
    for line, after in zip(lines, lines[1:], strict=False):
        item = re.match(r"( *)(-|\d+\.) ", line)
        if item and after.strip() and not re.match(rf"{item[1]}((-|\d+\.) | {{2,}})", after):
            yield after.strip()
    # In a formula, more indent after two lines of one paragraph.
    loss = re.search(r"^Loss:\n((?: {4}.*\n|\n)*)", "\n".join(lines) + "\n", re.MULTILINE)
    for paragraph in re.split(r"\n\s*\n", loss[1] if loss else ""):
        first, *others = [len(line) - len(line.lstrip()) for line in paragraph.splitlines()] or [0]
        is_list = paragraph.lstrip().startswith("- ")
        if others and others[0] == first and max(others) > first and not is_list:
            yield paragraph.strip()


def test_an_item_of_a_list_that_goes_on_is_indented():
    assert list(badly_indented("A list:\n- one\nand a half\n- two")) == ["and a half"]
    assert not list(badly_indented("A list:\n- one\n  and a half\n- two\n\nText."))
    assert list(badly_indented("A.\n\nLoss:\n    a = 1\n    b =\n        2\n"))
    assert not list(badly_indented("A.\n\nLoss:\n    a = 1\n\n    b =\n        2\n"))


@pytest.mark.parametrize("name", sorted(set(public_names())))
def test_lists_in_a_docstring_are_lists_in_the_documents(name):
    value = public(name)
    parts = [value, *vars(value).values()] if inspect.isclass(value) else [value]
    found = {line for p in parts if has_docstring(p) for line in badly_indented(p.__doc__ or "")}
    assert not found
