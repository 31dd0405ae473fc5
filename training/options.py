"""The command line of `training.train`: its own options and those of the recipe, in one help."""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from training import recipes
from training.precision import Precision
from training.recipes import Recipe
from training.sources import BUILT_IN

SCHEMES = ("idx:", "static:", "series:", "stream:")
# What may differ between a run and its continuation without changing the result so far.
MAY_CHANGE = (
    "epochs",
    "steps_per_execution",
    "out",
    "resume",
    "checkpoint_minutes",
    "checkpoint_steps",
    "worker_timeout",
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to train, whatever the recipe.

    Attributes:
        epochs: How often to go through the training images; the recipe says, if left out.
        batch_size: Images per step; the recipe says, if left out.
        data: A data set instead of the recipe's: a name, a folder of pictures, an .npz file,
            series:FILE, mnist1d:COUNT, tfds:NAME, or stream:PATH for what stays on the disk.
        image_size: Height and width to stretch the images to.
        limit: Use only the first so many training and test images.
        data_dir: Where TensorFlow Datasets keeps its data.
        window: Steps of each series that is cut out of the recording --data series:FILE.
        stride: Steps from one such series to the next; the window if left out.
        out: Run directory to make; runs/RECIPE-NUMBER if left out.
        resume: Continue the run in --out; all other options are taken from it, but --epochs may
            be more.
        seed: Of the weights, of the order of the images and of the noise.
        precision: What layers compute in; the two mixed ones are for GPUs, and weights stay
            float32.
        steps_per_execution: Steps in one go, which divide those of an epoch; chosen if left out.
        checkpoint_minutes: Write a checkpoint after so many minutes, and at the end of an epoch,
            but less often where writing would take more than 2 percent of the time.
        checkpoint_steps: Write one after so many steps too.
        strategy: On one device (none), on all GPUs of this machine (mirrored), or with other
            machines (multiworker); the batch is divided among them.
        worker_timeout: Seconds without a step after which the other workers count as lost.
    """

    epochs: int | None = None
    batch_size: int | None = None
    data: str | None = None
    image_size: tuple[int, int] | None = None
    limit: int | None = None
    data_dir: str | None = None
    window: int | None = None
    stride: int | None = None
    out: str | None = None
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    seed: int = 0
    precision: Precision = "float32"
    steps_per_execution: int | None = None
    checkpoint_minutes: float = 1.0
    checkpoint_steps: int | None = None
    strategy: Literal["none", "mirrored", "multiworker"] = "none"
    worker_timeout: float = 300.0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        if not self.checkpoint_minutes > 0:
            raise ValueError(
                f"Expected --checkpoint-minutes above 0. Received: {self.checkpoint_minutes}."
            )
        if not self.worker_timeout > 0:
            raise ValueError(f"Expected --worker-timeout above 0. Received: {self.worker_timeout}.")
        counts = ("epochs", "batch_size", "limit", "steps_per_execution", "window", "stride")
        for name in (*counts, "checkpoint_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"Expected --{_flag(name)} of at least 1. Received: {value}.")
        if self.seed < 0 or self.seed >= 2**31:
            raise ValueError(f"Expected --seed from 0 to 2^31 - 1. Received: {self.seed}.")
        if self.resume and self.out is None:
            raise ValueError(
                "Expected --out RUN, the run to continue, with --resume. Received: no --out."
            )


def parse(
    name: str,
    function: Callable[..., Recipe],
    words: Sequence[str],
    stored: dict[str, Any] | None = None,
) -> tuple[Settings, dict[str, Any]]:
    """Reads a command line.

    Args:
        name: Of the recipe, for the help.
        function: The recipe.
        words: What follows the recipe on the command line.
        stored: The `config.json` of a run whose options are the defaults.

    Returns:
        The settings, and the recipe's arguments, defaults included.

    Raises:
        ValueError: If a number is out of range, or the recipe has an argument of ours.
        SystemExit: With 2, if the words do not parse, with 0 after the help.
    """
    defaults = recipes.defaults(function)
    settings = {field.name: field.default for field in dataclasses.fields(Settings)}
    if stored is not None:
        defaults |= {k: _restored(v) for k, v in stored["arguments"].items() if k in defaults}
        settings |= {k: _restored(v) for k, v in stored["settings"].items() if k in settings}
    if clash := defaults.keys() & settings.keys():
        raise ValueError(
            f"Expected other names for arguments of the recipe {name} than those of the program. "
            f"Received: {', '.join(sorted(clash))}. (Epochs, batch size and data are fields of "
            "the Recipe that it returns.)"
        )
    options = _command(function, defaults, settings)
    group, arguments = tyro.cli(
        options,
        args=words,
        prog=f"python -m training.train {name}",
        description=inspect.cleandoc(function.__doc__ or "").split("\nArgs:")[0],
        config=(tyro.conf.OmitArgPrefixes,),
    )
    given = {**vars(group), "data": absolute(group.data)}
    return Settings(**given), {key: getattr(arguments, key) for key in defaults}


def refuse_changes(stored: dict[str, Any], settings: Settings, arguments: dict[str, Any]) -> None:
    """Raises ValueError if a continuation asks for something else than what the run is."""
    before = {**stored["arguments"], **stored["settings"]}
    now = {**arguments, **dataclasses.asdict(settings)}
    changed = [
        f"--{_flag(name)} {now[name]} (the run has {_restored(value)})"
        for name, value in before.items()
        if name in now and name not in MAY_CHANGE and _restored(value) != now[name]
    ]
    if changed:
        raise ValueError(
            "Expected the options of the run when continuing it; only --epochs may change. "
            f"Received: {', '.join(changed)}. (Leave them out, or start a new run.)"
        )


def absolute(data: str | None) -> str | None:
    """The name of a data set, whole if it is a path, so that a run can be opened from anywhere."""
    if data is None or data in BUILT_IN:
        return data
    scheme = next((scheme for scheme in SCHEMES if data.startswith(scheme)), "")
    path = Path(data.removeprefix(scheme)).expanduser()
    return f"{scheme}{path.resolve()}" if path.exists() else data


def _command(
    function: Callable[..., Recipe], defaults: dict[str, Any], settings: dict[str, Any]
) -> Callable[..., tuple[Any, Any]]:
    """A function for tyro with two groups of options."""
    annotations = inspect.get_annotations(function, eval_str=True)
    own = [
        (key, annotations[key], dataclasses.field(default=value)) for key, value in defaults.items()
    ]
    recipe_options = dataclasses.make_dataclass("RecipeOptions", own)
    recipe_options.__doc__ = function.__doc__
    # Checked when all is read, so that a bad number is our error and not a usage message.
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


def _restored(value: Any) -> Any:
    """What JSON made a list of was a tuple."""
    return tuple(value) if isinstance(value, list) else value


def _flag(name: str) -> str:
    return name.replace("_", "-")
