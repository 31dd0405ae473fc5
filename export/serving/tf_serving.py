"""The program that writes the configuration of TF Serving for the models in a folder."""

import functools
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.export.serving.served_models import (
    Model,
    assign_labels,
    check_batching,
    find_models,
    models_config,
    next_step,
    read_models_config,
)
from keras_vae.files.atomic import write_atomically

IMAGE = "tensorflow/serving:2.20.0"
GRPC_PORT, REST_PORT = 8500, 8501
METRICS = "/monitoring/prometheus/metrics"
TEMPLATES = Path(__file__).parent / "templates"
CONFIG, BATCHING = "models.config", "batching_parameters.txt"
# The words that go into YAML and protocol buffers as text are of these forms only.
IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
MOUNT_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
# A request of more rows is refused; one of more than --max-batch-size is split.
LARGEST_REQUEST = 1024
MAX_BATCH_SIZE = 64


def tf_serving(
    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")],
    labels: tuple[str, ...] = (),
    image: str = IMAGE,
    mount: str = "/models",
    batching: bool = False,
    max_batch_size: int | None = None,
    cores: int = 2,
    overwrite: bool = False,
) -> int:
    """Write the files that TF Serving needs to serve the models in DIR.

    Writes models.config, monitoring.config, compose.yaml and kubernetes.yaml into DIR. Without
    labels, the latest version of each model is served, and a new one as soon as it is exported.
    With labels, the labeled versions are served. A label moves to a version that is not loaded
    in two steps: if the exit status is 75, repeat the command when the version is loaded.

    Args:
        folder: The folder that keras_vae.export.saved_model.program has written models to.
        labels: NAME:LABEL=VERSION for each label, for example vae:stable=1 vae:canary=2.
        image: The container image of TF Serving.
        mount: Path of DIR inside of the container.
        batching: Let the server merge requests that arrive together.
        max_batch_size: Largest number of rows that the server runs at once with --batching; 64 by
            default.
        cores: Processor cores for the server.
        overwrite: Replace files that are different.

    Returns:
        0, or 75 if labels move in a second step.
    """
    check_words(image, mount)
    options.at_least(1, max_batch_size=max_batch_size, cores=cores)
    options.only_with("--batching", batching, max_batch_size=max_batch_size)
    rows = max_batch_size or MAX_BATCH_SIZE
    wanted = assign_labels(find_models(folder), labels)
    for model in wanted if batching else ():
        for version in model.versions:
            check_batching(folder / model.name / str(version))
    present = folder / CONFIG
    before = read_models_config(present.read_text()) if present.is_file() else {}
    models = [next_step(model, before.get(model.name)) for model in wanted]
    values = {
        "image": image,
        "mount": mount.rstrip("/"),
        "max_batch_size": str(rows),
        "largest_request": str(max(LARGEST_REQUEST, rows)),
        "cores": str(cores),
        "grpc_port": str(GRPC_PORT),
        "rest_port": str(REST_PORT),
        "metrics": METRICS,
        "first_model": models[0].name,
    }
    write(folder, render(models, values, batching), overwrite)
    print(_summary(folder, models, wanted, batching))
    moved = all(now.labels == end.labels for now, end in zip(models, wanted, strict=True))
    return 0 if moved else cli.TERMINATED


def check_words(image: str, mount: str) -> None:
    """Raise ValueError unless both are words that mean the same in YAML and everywhere else."""
    if not IMAGE_NAME.fullmatch(image):
        raise UsageError(
            f"Expected --image such as {IMAGE}, of letters, digits and '._/:@-'. "
            f"Received: {image!r}."
        )
    if not MOUNT_PATH.fullmatch(mount.rstrip("/")):
        raise UsageError(
            "Expected --mount as an absolute path such as /models, whose folders have names of "
            f"letters, digits, '_', '-' and '.'. Received: {mount!r}."
        )


def render(models: Sequence[Model], values: Mapping[str, str], batching: bool) -> dict[str, str]:
    """Return the text of each file by name."""
    batching_files = (BATCHING,) if batching else ()
    texts = {CONFIG: models_config(models, values["mount"])}
    for name in (*batching_files, "monitoring.config"):
        texts[name] = _template(name, values)
    parts = {
        "models": _indent(texts[CONFIG], "    "),
        "monitoring": _indent(texts["monitoring.config"], "    "),
    }
    for name, folder, margin in (
        ("compose.yaml", values["mount"], "      "),
        ("kubernetes.yaml", "/config", "            "),
    ):
        flags = ["--enable_batching=true", f"--batching_parameters_file={folder}/{BATCHING}"]
        parts["batching_flags"] = "".join(f"{margin}- {flag}\n" for flag in flags if batching)
        parts["batching"] = "".join(
            f"  {file}: |\n{_indent(texts[file], '    ')}\n" for file in batching_files
        )
        texts[name] = _template(name, {**values, **parts})
    return texts


def write(folder: Path, texts: Mapping[str, str], overwrite: bool = False) -> None:
    """Write the files; existing files with the same text are left as they are.

    Raises:
        FileExistsError: If a file has another text, unless `overwrite`. Then none is written.
    """
    changed = [
        name
        for name, text in texts.items()
        if not (folder / name).exists() or (folder / name).read_text() != text
    ]
    different = [name for name in changed if (folder / name).exists()]
    if different and not overwrite:
        raise FileExistsError(
            f"Expected no other {', '.join(different)} in {folder}. Received: files that differ "
            "from what would be written. (Move them away, or add --overwrite; nothing was changed.)"
        )
    for name in changed:
        write_text = functools.partial(Path.write_text, data=texts[name])
        write_atomically(folder / name, write_text)  # A server may be reading it.


def _template(name: str, values: Mapping[str, str]) -> str:
    """Return the file `name` in templates/, with @name@ replaced by values, in one pass."""
    text = (TEMPLATES / name).read_text()
    return re.sub(r"@([a-z_]+)@\n?", lambda match: _value(match, values), text)


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    """Return a value; one of whole lines brings its own line break, or none if it is empty."""
    value = values[match[1]]
    whole_lines = not value or value.endswith("\n")
    return value if whole_lines else value + match[0].partition(f"@{match[1]}@")[2]


def _indent(text: str, margin: str) -> str:
    return "".join(margin + line for line in text.splitlines(keepends=True)).rstrip()


def _summary(folder: Path, models: Sequence[Model], wanted: Sequence[Model], batching: bool) -> str:
    lines = []
    for model, end in zip(models, wanted, strict=True):
        labels = ", ".join(f"{label} is {number}" for label, number in sorted(model.labels.items()))
        lines.append(f"{model.name}: {labels or f'the latest version, now {model.versions[-1]}'}")
        new = sorted({*end.labels.values()} - {*model.labels.values()})
        if model.labels != end.labels:
            lines.append(
                f"{model.name}: the server loads version {', '.join(map(str, new))} first, since "
                "it refuses to move a label to a version that is not loaded. Repeat this command "
                f"when /v1/models/{model.name}/versions/NUMBER says AVAILABLE."
            )
        elif model.loaded != end.loaded:
            former = ", ".join(str(n) for n in model.loaded if n not in end.loaded)
            lines.append(
                f"{model.name}: version {former} stays loaded, so that labels can move back at "
                "once. Repeat this command later to unload it."
            )
    names = [CONFIG, *([BATCHING] if batching else []), "monitoring.config"]
    names += ["compose.yaml", "kubernetes.yaml"]
    compose = shlex.quote(str(folder / "compose.yaml"))
    return "\n".join(
        [
            *lines,
            f"Saved {folder}/{', '.join(names)}",
            f"Next: docker compose --file {compose} up",
        ]
    )


if __name__ == "__main__":
    cli.main(tf_serving)
