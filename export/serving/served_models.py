"""The models in a folder, the versions and labels to serve, and TF Serving's file of them."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from keras_vae.errors import UsageError

LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# What TF Serving reads as a number.
NUMBER = re.compile(r"\s*[+-]?[0-9]+\s*")


@dataclass(frozen=True)
class Model:
    """A served model.

    Attributes:
        name: Name on the server.
        versions: Versions in its folder, ascending.
        labels: Version by label, such as "stable".
        loaded: Versions that the server loads if there are labels; otherwise it loads the latest.
    """

    name: str
    versions: list[int]
    labels: dict[str, int] = field(default_factory=dict)
    loaded: list[int] = field(default_factory=list)


def find_models(folder: Path) -> list[Model]:
    """Return the models in `folder`, by name.

    Raises:
        FileNotFoundError: If there are no models.
        ValueError: If a version has a name that TF Serving does not take, or would take for
            another version.
    """
    from keras_vae.export.saved_model import versions

    if not folder.is_dir():
        raise FileNotFoundError(f"Expected a folder of models. Received: {folder}.")
    versions.check_models_folder(folder)
    found = [
        Model(path.name, known)
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".") and (known := versions.versions(path))
    ]
    if not found:
        raise FileNotFoundError(
            f"Expected models in {folder}, as NAME/VERSION/saved_model.pb. Received: none. "
            f"(Make one with keras-vae export saved-model RUN {shlex.quote(str(folder))}.)"
        )
    for model in found:
        versions.check_name(model.name)
        for path in (folder / model.name).iterdir():
            if NUMBER.fullmatch(path.name) and not versions.is_saved_model(path):
                raise UsageError(
                    f"Expected saved_model.pb in each folder whose name is a number. Received: "
                    f"{path}. (TF Serving would try to load it: move it away.)"
                )
    return found


def check_batching(version: Path) -> None:
    """Raise ValueError unless the first axis of every tensor is a batch of any size.

    The batching of TF Serving refuses all others, at the first request.
    """
    from keras_vae.export.serving.signatures import read_signatures

    for name, signature in read_signatures(version).items():
        for tensor, info in {**signature.inputs, **signature.outputs}.items():
            if not info.shape or info.shape[0] is not None:
                raise UsageError(
                    "Expected signatures whose tensors all have a batch of any size in front, as "
                    f"TF Serving's batching needs. Received: {tensor!r} of {name!r} as {info} in "
                    f"{version}."
                )


def assign_labels(models: Sequence[Model], labels: Sequence[str]) -> list[Model]:
    """Return `models` with `labels` of the form NAME:LABEL=VERSION, and what is then loaded.

    Raises:
        ValueError: If a label has another form or is given twice, or its model or version does
            not exist.
    """
    from keras_vae.export.saved_model.versions import is_version

    by_name: dict[str, dict[str, int]] = {model.name: {} for model in models}
    known = {model.name: model.versions for model in models}
    for text in labels:
        name, _, rest = text.partition(":")
        label, _, version = rest.partition("=")
        if not LABEL.fullmatch(label) or not is_version(version):
            raise UsageError(
                "Expected NAME:LABEL=VERSION, such as vae:stable=1, with a label of letters, "
                f"digits, '_', '-' and '.'. Received: {text!r}."
            )
        if name not in by_name or int(version) not in known[name]:
            raise UsageError(f"Expected a version that is there, of {known}. Received: {text!r}.")
        if label in by_name[name]:
            raise UsageError(f"Expected each label of a model once. Received: {text!r} again.")
        by_name[name][label] = int(version)
    return [
        replace(model, labels=found, loaded=sorted({*found.values()}))
        for model in models
        for found in (by_name[model.name],)
    ]


def next_step(model: Model, before: Model | None) -> Model:
    """Return what the server can do next on the way from `before` to `model`.

    TF Serving refuses a file in which a label moves to a version that it has not loaded yet. So
    the first file loads that version and leaves the labels. The second one moves the labels and
    keeps the former versions, so that no request is lost and labels can move back at once.

    Args:
        model: What is to be served in the end.
        before: What the file says now; None if there is no file.
    """
    if before is None or not before.labels or not model.labels:
        return model
    waits = any(
        before.labels.get(label, number) != number and number not in before.loaded
        for label, number in model.labels.items()
    )
    kept = before.loaded if waits else before.labels.values()
    extra = {number for number in kept if number in model.versions}
    loaded = sorted({*model.loaded, *extra})
    return replace(model, loaded=loaded, labels=before.labels if waits else model.labels)


def models_config(models: Iterable[Model], mount: str) -> str:
    """Return a `ModelServerConfig` as text."""
    return "model_config_list {\n" + "".join(_config(model, mount) for model in models) + "}\n"


def _config(model: Model, mount: str) -> str:
    if model.labels:
        policy = f"specific {{{''.join(f' versions: {number}' for number in model.loaded)} }}"
    else:
        policy = "latest { num_versions: 1 }"
    labels = "".join(
        f'    version_labels {{ key: "{label}" value: {number} }}\n'
        for label, number in sorted(model.labels.items())
    )
    return (
        "  config {\n"
        f'    name: "{model.name}"\n'
        f'    base_path: "{mount}/{model.name}"\n'
        '    model_platform: "tensorflow"\n'
        f"    model_version_policy {{ {policy} }}\n"
        f"{labels}"
        "  }\n"
    )


def read_models_config(text: str) -> Mapping[str, Model]:
    """Return the models in the text of a `ModelServerConfig` by name, with labels and loaded."""
    found = {}
    for block in re.split(r"\bconfig\s*\{", text)[1:]:
        name = re.search(r'\bname:\s*"([^"]*)"', block)
        labels = re.findall(r'version_labels\s*\{\s*key:\s*"([^"]*)"\s*value:\s*(\d+)', block)
        loaded = [int(number) for number in re.findall(r"\bversions:\s*(\d+)", block)]
        if name:
            numbers = {label: int(number) for label, number in labels}
            found[name[1]] = Model(name[1], [], numbers, loaded)
    return found
