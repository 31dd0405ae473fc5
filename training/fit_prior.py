"""Fit a prior to the codes of a trained model, so that it draws new examples.

    keras-vae fit-prior runs/vq_vae                    # place by place
    keras-vae fit-prior runs/vq_vae --prior masked     # all places in a few rounds
    keras-vae fit-prior runs/vae --classes             # with the classes of the data
    keras-vae fit-prior runs/vae --prior maf           # one number of a code after the other
    keras-vae fit-prior runs/vq_vae --resume           # go on after an interruption

The training of the model stays as it is: the result is a new file.
"""

import shutil
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.files import outputs
from keras_vae.training.runs import run_directory

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]
Prior = Literal["autoregressive", "masked", "flow", "maf", "two_stage", "mixture"]
BATCH_SIZE = 250
ROWS, COLUMNS = 8, 10


def fit_prior(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    out: Path | None = None,
    prior: Prior | None = None,
    classes: Flag = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    width: int | None = None,
    blocks: int | None = None,
    rounds: int | None = None,
    guidance: float | None = None,
    data: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    resume: Flag = False,
) -> int:
    """Fit a prior to the codes of the training examples.

    Writes a .keras file with the model and its prior, and for images a picture of samples next to
    it, with a column for each class. Export this file as any other: its endpoint sample draws from
    the prior, the same examples for the same seeds on a server, a device and in a browser.

    While it trains, checkpoints are in a folder NAME-checkpoints next to the new file. With
    --resume, an interrupted fit ends with the bits of one that was not. After SIGTERM, which spot
    machines send, the status is 75.

    Args:
        run: A run directory of keras-vae train, or a .keras file.
        out: The new file, whose name ends in .keras; by default NAME-prior.keras in the run, or
            next to the file NAME.keras.
        prior: By default autoregressive for integer codes and flow for others.
        classes: Learn the classes of the data, so that samples can be of a class.
        epochs: Passes over the codes; 10 for autoregressive, 20 for masked, 30 for flow and maf, 50
            for two_stage.
        batch_size: Codes of a step, 128 by default.
        width: Features inside the transformer, 128 by default. Units of a hidden layer of maf (128)
            and two_stage (256).
        blocks: Its blocks, 3 by default. Blocks of maf (5), hidden layers of two_stage (3).
        rounds: Rounds of masked, or steps of flow, 12 by default.
        guidance: Above 1, samples are more typical of their class; 1 by default. Not of maf and
            two_stage.
        data: A data set in place of the run's own; its training part is used.
        limit: Number of training examples; all by default.
        seed: Seed of the weights, the order of the codes, and the noise.
        resume: Go on from the checkpoints of an interrupted fit; the other options must be its own.

    Returns:
        0.
    """
    options.at_least(
        1,
        epochs=epochs,
        batch_size=batch_size,
        width=width,
        blocks=blocks,
        limit=limit,
        rounds=rounds,
    )
    options.only_with("--classes", classes, guidance=guidance)
    opened = run_directory.open_run(run)
    target = out or _default_target(opened.path)
    if target.suffix != ".keras":
        raise UsageError(f"Expected --out with a name that ends in .keras. Received: {target}.")
    picture = target.with_suffix(".png")
    checkpoints = target.with_name(f"{target.stem}-checkpoints")
    if resume and target.exists():
        print(f"{target} is there: its fit has ended.")
        return 0
    for path in (target, picture):
        outputs.check_new_file(path, "--out")
    if checkpoints.exists() and not resume:
        raise UsageError(
            f"Expected no checkpoints of an interrupted fit. Received: {checkpoints}. (Add "
            "--resume to go on from them, or remove the folder to begin anew.)"
        )
    if resume and not checkpoints.is_dir():
        raise UsageError(
            f"Expected --resume after an interrupted fit. Received: no folder {checkpoints}. "
            "(Leave out --resume to begin.)"
        )
    cli.prepare_tensorflow(training=True)
    from keras_vae.callbacks import ExactResume
    from keras_vae.checkpointing.same_options import SameOptions
    from keras_vae.files.atomic import save_model, write_atomically
    from keras_vae.training import fits
    from keras_vae.training.data.kinds import count_of
    from keras_vae.training.data.loading import evaluation_batches

    model, loaded = opened.model(), opened.data(data)
    fits.check_data(model, loaded, "train")
    labels = _labels(loaded, limit) if classes else None
    chosen = prior or ("autoregressive" if model.latent_dtype == "int32" else "flow")
    sizes = {"epochs": epochs, "batch_size": batch_size, "width": width, "blocks": blocks}
    settings = {**sizes, "rounds": rounds, "guidance": guidance}
    train = loaded.train[:limit]
    callbacks = None
    if chosen != "mixture":
        asked = {"prior": chosen, "classes": classes, "data": loaded.name, "limit": limit}
        same = SameOptions({**asked, **settings})  # The fit compares seed, codes, and classes.
        callbacks = [ExactResume(checkpoints, callbacks=[same])]
    given = count_of(len(train), f"training {loaded.kind}")
    print(f"{given} of {loaded.name}, prior: {chosen}", flush=True)
    begin = time.perf_counter()
    model.fit_prior(
        evaluation_batches(train, BATCH_SIZE),
        labels,
        prior=chosen,
        seed=seed,
        callbacks=callbacks,
        **{name: value for name, value in settings.items() if value is not None},
    )
    save_model(model, target)
    shutil.rmtree(checkpoints, ignore_errors=True)
    print(f"{target} after {time.perf_counter() - begin:.0f} s")
    if len(model.event_shape) == 3:
        figure = _samples(model, labels)
        write_atomically(picture, lambda path: figure.savefig(path, format="png"))
        print(picture)
    return 0


def _default_target(path: Path) -> Path:
    """Return a file whose name says what it is of, since servers take it as that of the model."""
    folder = path if path.is_dir() else path.parent
    return folder / f"{path.resolve().stem if path.is_file() else path.resolve().name}-prior.keras"


def _labels(loaded: Any, limit: int | None) -> Any:
    """Return the classes of the training examples."""
    if loaded.train_labels is None:
        raise UsageError(
            f"Expected data with labels for --classes. Received: {loaded.name}, which has none."
        )
    labels = loaded.train_labels[:limit]
    if empty := sorted(set(loaded.train_labels.tolist()) - set(labels.tolist())):
        raise UsageError(
            f"Expected an example of each class of {loaded.name} for --classes. Received: none of "
            f"class {empty[0]} in the first {limit}. (Raise --limit.)"
        )
    return labels


def _samples(model: Any, labels: Any) -> Any:
    """Return a figure of samples; with classes, each column is one."""
    import numpy as np

    from keras_vae import plots

    if labels is None:
        return plots.samples(model, ROWS, COLUMNS)
    count = min(model.sampler.classes, COLUMNS)
    return plots.samples(model, ROWS, count, condition=np.tile(np.arange(count), ROWS))


if __name__ == "__main__":
    cli.main(fit_prior)
