"""The command line of `training.train`: its own options and those of the recipe."""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import tyro

from keras_vae import options
from keras_vae.errors import UsageError
from keras_vae.training import recipes
from keras_vae.training.data.sources import registry
from keras_vae.training.precision import Precision
from keras_vae.training.recipes import Recipe

# Settings that may differ between a run and its continuation.
MAY_CHANGE = (
    "epochs",
    "steps_per_execution",
    "out",
    "resume",
    "checkpoint_minutes",
    "checkpoint_steps",
    "worker_timeout",
)
COUNTS = (
    "epochs",
    "batch_size",
    "limit",
    "steps_per_execution",
    "window",
    "stride",
    "checkpoint_steps",
)
# Settings that runs of earlier versions do not have, and what those did.
SINCE_ADDED = {"standardize": False, "crop_to_aspect_ratio": False, "skip_columns": None}
DATA_HELP = f"A data set instead of the recipe's.\n{registry.help_text()}"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a training that all recipes share.

    Attributes:
        epochs: Number of passes over the training examples; by default that of the recipe.
        batch_size: Examples per step; by default that of the recipe.
        data: A data set in place of the recipe's, see `keras_vae.training.data.sources.registry`.
        image_size: Height and width to resize images to; the aspect ratio is not kept by default.
        crop_to_aspect_ratio: Cut the edges of each image off that stand over the aspect ratio of
            --image-size, so that nothing is distorted. Programs that use the run do the same.
        limit: Number of training examples and of test examples to use; all by default.
        data_dir: Where TensorFlow Datasets keeps its data, for data sets that come from there.
        window: Steps of each series that is cut out of the recording --data series:FILE.
        stride: Steps from one such series to the next; by default the window.
        skip_columns: Names of columns of the recording to leave out, such as time stamps. Programs
            that use the run do the same.
        standardize: Standardize each channel of series inside the model, by the mean and standard
            deviation of the training series. The model then takes and returns raw numbers.
        out: Run directory to make; by default runs/RECIPE-NUMBER.
        resume: Continue the run in --out. All other options come from it. --epochs may be
            increased, and --data may name the new place of data that were moved.
        seed: Seed of the weights, of the order of the examples and of the noise.
        precision: Precision in which layers compute. The two mixed ones are for GPUs. Weights stay
            float32.
        steps_per_execution: Steps in one execution, a divisor of the steps of an epoch; by default
            chosen for speed.
        checkpoint_minutes: Minutes after which to write a checkpoint, as at the end of each epoch.
            Checkpoints become rarer if they would take more than 2 percent of the time. 1 by
            default; several machines continue after whole epochs only.
        checkpoint_steps: Steps after which to write a checkpoint too.
        strategy: none for one device, mirrored for all GPUs of this machine, or multiworker for
            several machines. The batch is divided among them.
        worker_timeout: Seconds without a step after which the other machines count as lost; 300
            by default.
    """

    epochs: int | None = None
    batch_size: int | None = None
    data: Annotated[str | None, tyro.conf.arg(help=DATA_HELP)] = None
    image_size: tuple[int, int] | None = None
    crop_to_aspect_ratio: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    limit: int | None = None
    data_dir: str | None = None
    window: int | None = None
    stride: int | None = None
    skip_columns: tuple[str, ...] | None = None
    standardize: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    out: str | None = None
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    seed: int = 0
    precision: Precision = "float32"
    steps_per_execution: int | None = None
    checkpoint_minutes: float | None = None
    checkpoint_steps: int | None = None
    strategy: Literal["none", "mirrored", "multiworker"] = "none"
    worker_timeout: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for numbers out of range."""
        for name in ("checkpoint_minutes", "worker_timeout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"Expected {options.flag(name)} above 0. Received: {value}.")
        options.at_least(1, **{name: getattr(self, name) for name in COUNTS})
        options.only_with(
            "--image-size", self.image_size, crop_to_aspect_ratio=self.crop_to_aspect_ratio
        )
        if self.seed < 0 or self.seed >= 2**31:
            raise UsageError(f"Expected --seed from 0 to 2^31 - 1. Received: {self.seed}.")
        if self.resume and self.out is None:
            raise UsageError(
                "Expected --out RUN, the run to continue, with --resume. Received: no --out."
            )


def parse(
    name: str,
    function: Callable[..., Recipe],
    words: Sequence[str],
    stored: dict[str, Any] | None = None,
) -> tuple[Settings, dict[str, Any]]:
    """Parse a command line.

    Args:
        name: The name of the recipe, for the help.
        function: The function of the recipe.
        words: The words after the recipe on the command line.
        stored: The `config.json` of a run whose options are the defaults.

    Returns:
        The settings, and the recipe's arguments, defaults included.

    Raises:
        ValueError: If a number is out of range, or an argument of the recipe has the name of a
            setting.
        SystemExit: With status 2 if the words do not parse, with 0 after the help.
    """
    defaults = recipes.defaults(function)
    settings = {field.name: field.default for field in dataclasses.fields(Settings)}
    if stored is not None:
        defaults |= {k: _restore_tuple(v) for k, v in stored["arguments"].items() if k in defaults}
        settings |= {k: _restore_tuple(v) for k, v in stored["settings"].items() if k in settings}
    if clash := defaults.keys() & settings.keys():
        raise UsageError(
            f"Expected other names for arguments of the recipe {name} than those of the program. "
            f"Received: {', '.join(sorted(clash))}. (Epochs, batch size and data are fields of "
            "the Recipe that it returns.)"
        )
    with options.explain(words):
        group, arguments = tyro.cli(
            _command(function, defaults, settings),
            args=words,
            prog=f"keras-vae train {name}",
            description=inspect.cleandoc(function.__doc__ or "").split("\nArgs:")[0],
            config=(tyro.conf.OmitArgPrefixes,),
        )
    data = None if group.data is None else registry.make_absolute(group.data)
    given = {**vars(group), "data": data}
    return Settings(**given), {key: getattr(arguments, key) for key in defaults}


def refuse_changes(stored: dict[str, Any], settings: Settings, arguments: dict[str, Any]) -> None:
    """Raise ValueError if a continuation has other options than the run."""
    before = {**SINCE_ADDED, **stored["arguments"], **stored["settings"]}
    now = {**arguments, **dataclasses.asdict(settings)}
    changed = [
        f"{options.flag(name)} {now[name]} (the run has {_restore_tuple(value)})"
        for name, value in before.items()
        if name in now and name not in MAY_CHANGE and _restore_tuple(value) != now[name]
        # The data themselves may have been moved; train() compares their number and shape.
        if not (name == "data" and registry.missing_path(value))
    ]
    if changed:
        raise UsageError(
            "Expected the options of the run when continuing it; only --epochs may change. "
            f"Received: {', '.join(changed)}. (Leave them out, or start a new run.)"
        )


def refuse_unused(given: Settings, strategy: str) -> None:
    """Raise ValueError for options of the command line that the strategy of the run ignores."""
    many = strategy == "multiworker"
    options.only_with("--strategy multiworker", many, worker_timeout=given.worker_timeout)
    options.only_with(
        "one process, as several continue after whole epochs",
        not many,
        checkpoint_minutes=given.checkpoint_minutes,
        checkpoint_steps=given.checkpoint_steps,
    )


def _command(
    function: Callable[..., Recipe], defaults: dict[str, Any], settings: dict[str, Any]
) -> Callable[..., tuple[Any, Any]]:
    """Return a function for tyro with two groups of options."""
    annotations = inspect.get_annotations(function, eval_str=True)
    own = [
        (key, annotations[key], dataclasses.field(default=value)) for key, value in defaults.items()
    ]
    recipe_options = dataclasses.make_dataclass("RecipeOptions", own)
    recipe_options.__doc__ = function.__doc__
    # Settings are made after parsing, so that a bad number gives an error and no usage message.
    training_options = dataclasses.make_dataclass(
        "TrainingOptions",
        [
            (field.name, field.type, dataclasses.field(default=settings[field.name]))
            for field in dataclasses.fields(Settings)
        ],
    )
    training_options.__doc__ = Settings.__doc__

    def command(training: Any, recipe: Any) -> tuple[Any, Any]:
        return training, recipe

    command.__annotations__ = {"training": training_options, "recipe": recipe_options}
    return command


def _restore_tuple(value: Any) -> Any:
    """Turn a list from JSON back into a tuple."""
    return tuple(value) if isinstance(value, list) else value
