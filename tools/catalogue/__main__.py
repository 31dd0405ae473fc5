"""The program that exports every model, runs it in every runtime, and writes the table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae import cli
from keras_vae.errors import UsageError

PAGE = Path("docs/dev/exported-artifacts.md")


def catalogue(
    models: tuple[str, ...] = (),
    data: str = "fashion_mnist",
    train: int = 6000,
    epochs: int = 3,
    examples: int = 256,
    libtensorflow: tuple[Path, ...] = (),
    page: Path = PAGE,
) -> int:
    """Export every model of the package, run it in every runtime, and write the table.

    Trains each public model class with small networks for some seconds. Exports it as a SavedModel
    and as .tflite files of all quantizations, and compares each with Keras as export.verify does.
    Replaces the section "Measurements" of a page, and writes all numbers into a JSON file next to
    it.

    Args:
        models: Names of classes to measure; others keep their numbers. All by default.
        data: A data set of images, see keras_vae.training.data.loading.
        train: Number of training images.
        epochs: Number of epochs.
        examples: Number of test images for the comparison.
        libtensorflow: Folders of libtensorflow_cc.so.2 of other versions of TensorFlow, to load
            SavedModels with those too; scripts/old_tensorflow.sh fetches them.
        page: The page; only the part between the comments of this program is replaced.

    Returns:
        0, or 1 if a tolerance was missed.
    """
    if min(train, epochs, examples) < 1:
        raise UsageError(
            f"Expected --train, --epochs and --examples of at least 1. Received: {train}, {epochs} "
            f"and {examples}."
        )
    _check_page(page)
    known = _read_numbers(_numbers(page))
    from keras_vae.export.verify import check_libraries

    check_libraries(libtensorflow)
    cli.prepare_tensorflow()
    from keras_vae.export.runtimes.registry import list_installed
    from keras_vae.training.data.loading import load
    from tools.catalogue.measured import Plan, measure_all
    from tools.catalogue.models import entries
    from tools.catalogue.page import list_failures

    listed = entries()
    chosen = _choose_models(models, listed)
    plan = Plan(load(data), train, epochs, examples, list_installed(), libtensorflow)
    for name, found in measure_all({name: listed[name] for name in chosen}, plan):
        known = {key: model for key, model in {**known, name: found}.items() if key in listed}
        unmeasured = sorted(set(listed) - set(known))
        text = _save(page, dict(sorted(known.items())), unmeasured)  # Each takes a minute.
    print(f"\n{text}\nSaved {page} and {_numbers(page)}")
    return int(bool(list_failures(known)))


def _check_page(page: Path) -> None:
    """Raise ValueError before the work if the section cannot be put into the page."""
    from tools.catalogue.page import replace_section

    if not page.parent.is_dir() or page.is_dir():
        raise UsageError(f"Expected a file in a folder that exists. Received: {page}.")
    replace_section(page.read_text() if page.is_file() else "", "")


def _numbers(page: Path) -> Path:
    return page.with_name("exported_artifacts.json")


def _read_numbers(path: Path) -> dict[str, Any]:
    """Return the earlier measurements by model."""
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text())["models"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"Expected the numbers of this program in {path}. Received: something else. (Move it "
            "away; nothing was written.)"
        ) from error


def _choose_models(names: Sequence[str], listed: Mapping[str, Any]) -> list[str]:
    unknown = [name for name in names if name not in listed]
    if unknown:
        raise UsageError(
            f"Expected models among {', '.join(listed)}. Received: {unknown[0]}."
            f"{cli.did_you_mean(unknown[0], listed)}"
        )
    return list(names) or sorted(listed)


def _save(page: Path, models: Mapping[str, Any], unmeasured: Sequence[str]) -> str:
    """Write the page and the numbers, and return the text of the section."""
    from keras_vae.files.atomic import write_atomically
    from tools.catalogue import page as pages

    numbers = _numbers(page)
    text = pages.section(models, numbers.name, unmeasured)
    whole = pages.replace_section(page.read_text() if page.is_file() else "", text)
    content = json.dumps({"models": models}, indent=1, allow_nan=False) + "\n"
    write_atomically(numbers, lambda new: new.write_text(content))
    write_atomically(page, lambda new: new.write_text(whole))
    return text


if __name__ == "__main__":
    cli.main(catalogue, program="python -m tools.catalogue")
