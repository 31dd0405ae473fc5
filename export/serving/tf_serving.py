"""The program that writes the configuration of TF Serving for the models in a folder."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from keras_vae import cli
from keras_vae.errors import UsageError

IMAGE = "tensorflow/serving:2.20.0"
GRPC_PORT, REST_PORT = 8500, 8501
METRICS = "/monitoring/prometheus/metrics"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Model:
    """A served model.

    Attributes:
        name: Name on the server.
        versions: Versions in its folder, ascending.
        labels: Version by label, such as "stable".
    """

    name: str
    versions: list[int]
    labels: dict[str, int] = field(default_factory=dict)


def tf_serving(
    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")],
    labels: tuple[str, ...] = (),
    image: str = IMAGE,
    mount: str = "/models",
    max_batch_size: int = 64,
    cores: int = 2,
    overwrite: bool = False,
) -> int:
    """Write the files that TF Serving needs to serve the models in DIR.

    Writes models.config, batching_parameters.txt, monitoring.config, compose.yaml and
    kubernetes.yaml into DIR. Without labels, the latest version of each model is served, and a new
    one as soon as it is exported. With labels, exactly the labeled versions are served.

    Args:
        folder: The folder that keras_vae.export.saved_model.program has written models to.
        labels: NAME:LABEL=VERSION for each label, for example vae:stable=1 vae:canary=2.
        image: The container image of TF Serving.
        mount: Path of DIR inside of the container.
        max_batch_size: Largest number of rows in a batch of requests that arrive together.
        cores: Processor cores for the server.
        overwrite: Replace files that are different.

    Returns:
        0.
    """
    models = assign_labels(find_models(folder), labels)
    if max_batch_size < 1 or cores < 1:
        raise UsageError(
            f"Expected --max-batch-size and --cores of at least 1. Received: {max_batch_size} and "
            f"{cores}."
        )
    values = {
        "image": image,
        "mount": mount.rstrip("/"),
        "max_batch_size": str(max_batch_size),
        "allowed_batch_sizes": ", ".join(map(str, allowed_batch_sizes(max_batch_size))),
        "cores": str(cores),
        "grpc_port": str(GRPC_PORT),
        "rest_port": str(REST_PORT),
        "metrics": METRICS,
        "first_model": models[0].name,
    }
    texts = render(models, values)
    write(folder, texts, overwrite)
    print(_summary(folder, models))
    return 0


def find_models(folder: Path) -> list[Model]:
    """Return the models in `folder`, by name.

    Raises:
        FileNotFoundError: If there are no models.
        ValueError: If a version has a name that TF Serving does not take, or a signature that its
            batching does not.
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
            f"(Make one with keras-vae export saved-model RUN {folder}.)"
        )
    for model in found:
        versions.check_name(model.name)
        for version in model.versions:
            check_batching(folder / model.name / str(version))
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
    """Return `models` with `labels` of the form NAME:LABEL=VERSION.

    Raises:
        ValueError: If a label has another form, or its model or version does not exist.
    """
    by_name = {model.name: Model(model.name, model.versions, {}) for model in models}
    for text in labels:
        name, _, rest = text.partition(":")
        label, _, version = rest.partition("=")
        if not label or not version.isdecimal():
            raise UsageError(
                f"Expected NAME:LABEL=VERSION, such as vae:stable=1. Received: {text!r}."
            )
        if name not in by_name or int(version) not in by_name[name].versions:
            known = {model.name: model.versions for model in models}
            raise UsageError(f"Expected a version that is there, of {known}. Received: {text!r}.")
        by_name[name].labels[label] = int(version)
    return list(by_name.values())


def allowed_batch_sizes(largest: int) -> list[int]:
    """Return the sizes that batches are padded to; the last one is `largest`.

    They are few, so that memory is reused.
    """
    return [*(size for size in (1, 8, 32, 128, 512) if size < largest), largest]


def models_config(models: Sequence[Model], mount: str) -> str:
    """Return a `ModelServerConfig` as text."""
    return "model_config_list {\n" + "".join(_config(model, mount) for model in models) + "}\n"


def _config(model: Model, mount: str) -> str:
    if model.labels:
        numbers = "".join(f" versions: {number}" for number in sorted({*model.labels.values()}))
        policy = f"specific {{{numbers} }}"
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


def render(models: Sequence[Model], values: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each file by name."""
    texts = {"models.config": models_config(models, values["mount"])}
    for name in ("batching_parameters.txt", "monitoring.config", "compose.yaml"):
        texts[name] = _template(name, values)
    configuration = {
        name: _indent(texts[name], "    ")
        for name in ("models.config", "batching_parameters.txt", "monitoring.config")
    }
    embedded = {name.partition(".")[0]: text for name, text in configuration.items()}
    texts["kubernetes.yaml"] = _template("kubernetes.yaml", {**values, **embedded})
    return texts


def write(folder: Path, texts: Mapping[str, str], overwrite: bool = False) -> None:
    """Write the files; existing files with the same text are left as they are.

    Raises:
        FileExistsError: If a file has another text, unless `overwrite`. Then none is written.
    """
    different = [
        name
        for name, text in texts.items()
        if (folder / name).exists() and (folder / name).read_text() != text
    ]
    if different and not overwrite:
        raise FileExistsError(
            f"Expected no other {', '.join(different)} in {folder}. Received: files that differ "
            "from what would be written. (Move them away, or add --overwrite; nothing was changed.)"
        )
    for name, text in texts.items():
        partial = folder / f".{name}.{os.getpid()}.partial"
        partial.write_text(text)
        os.replace(partial, folder / name)  # A server may be reading them.


def _template(name: str, values: Mapping[str, str]) -> str:
    """Return the file `name` in templates/, with @name@ replaced by values."""
    text = (TEMPLATES / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _indent(text: str, margin: str) -> str:
    return "".join(margin + line for line in text.splitlines(keepends=True)).rstrip()


def _summary(folder: Path, models: Sequence[Model]) -> str:
    lines = [
        f"{model.name}: "
        + (
            ", ".join(f"{label} is {number}" for label, number in sorted(model.labels.items()))
            or f"the latest version, now {model.versions[-1]}"
        )
        for model in models
    ]
    return "\n".join(
        [
            *lines,
            f"Saved {folder}/models.config, batching_parameters.txt, monitoring.config, "
            "compose.yaml and kubernetes.yaml",
            f"Next: docker compose --file {folder}/compose.yaml up",
        ]
    )


if __name__ == "__main__":
    cli.main(tf_serving)
