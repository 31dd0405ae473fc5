"""The program that says before a training whether a model will export."""

import inspect
from pathlib import Path
from typing import Annotated, Any

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.export.trials import NAMES, Format, verdicts
from keras_vae.presets import places
from keras_vae.training import recipes
from keras_vae.training.runs import run_directory
from keras_vae.typing import LatentModel

NEEDED: tuple[Format, ...] = ("saved_model", "float32")


def check(
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE_OR_MODEL")],
    endpoints: tuple[str, ...] = (),
    formats: tuple[Format, ...] = tuple(NAMES),
    needs: tuple[Format, ...] | None = None,
    batch_size: int = 1,
    image_shape: tuple[int, int, int] | None = None,
) -> int:
    """Check, before training, which formats a model can be exported to, and what to change if not.

    Exports the model to every format, into a temporary folder, and runs the results. The SavedModel
    runs in TensorFlow's C++ loader, the other files in LiteRT, ONNX Runtime, OpenVINO and PyTorch.
    This takes one to four minutes.
    Errors of quantized files depend on the weights: for a recipe, whose model is untrained, they
    are an estimate.

    Args:
        model: The name of a recipe, the path of a .py recipe, a run directory, a preset or a .keras
            file.
        endpoints: Endpoints to export, for example decode; all by default.
        formats: Formats to try; all by default.
        needs: Formats without which the check fails; saved_model and float32 by default, of those
            that are tried.
        batch_size: Batch size of the .tflite files; those of ONNX, OpenVINO and PyTorch take any.
        image_shape: Height, width and channels for a recipe; those of the recipe by default.

    Returns:
        0 if all formats in --needs work, otherwise 1.
    """
    options.at_least(1, batch_size=batch_size)
    wanted = [name for name in NEEDED if name in formats] if needs is None else needs
    if untried := [name for name in wanted if name not in formats]:
        raise UsageError(
            f"Expected --needs among --formats, {', '.join(formats)}. Received: "
            f"{', '.join(untried)}."
        )
    path = Path(model)
    is_preset = model not in recipes.names() and places.is_known(model)
    is_trained = path.suffix == ".keras" or path.is_dir() or is_preset
    opened = run_directory.open_run(model) if is_trained else None
    options.only_with("a recipe", opened is None, image_shape=image_shape)
    recipe = recipes.find(model) if opened is None else None
    cli.prepare_tensorflow()
    from keras_vae.base.parameters import count_parameters

    built = opened.model() if opened is not None else build_from_recipe(recipe, image_shape)
    chosen = load_endpoints(built, endpoints)
    size = count_parameters(built)
    print(f"{model}: {type(built).__name__}, {size:,} parameters, {', '.join(chosen)}", flush=True)
    print(f"Exports it to {len(formats)} format(s) and runs each.", flush=True)
    missing = []
    for verdict in verdicts(built, chosen, batch_size, formats):
        print(verdict, flush=True)
        if verdict.format in wanted and not verdict.exports:
            missing.append(NAMES[verdict.format])
    print(f"Will not export to {', '.join(missing)}." if missing else "Will export.")
    return 1 if missing else 0


def build_from_recipe(recipe: Any, image_shape: tuple[int, int, int] | None = None) -> Any:
    """Return the untrained model of a recipe.

    Raises:
        ValueError: If the recipe takes no `image_shape` and one is given.
    """
    if image_shape is not None and "image_shape" not in inspect.signature(recipe).parameters:
        raise UsageError(
            "Expected a recipe with an argument image_shape for --image-shape. Received: one with "
            f"{', '.join(inspect.signature(recipe).parameters) or 'none'}. (Leave it out.)"
        )
    return recipe(**({} if image_shape is None else {"image_shape": image_shape})).model


def load_endpoints(model: LatentModel, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the endpoints with these names."""
    from keras_vae.export.endpoints import choose_endpoints

    return choose_endpoints(model, names or None)


if __name__ == "__main__":
    cli.main(check)
