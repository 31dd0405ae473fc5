"""Write the stored files that are missing: python -m tests.stored.make [FOLDER].

The first files were written by 1d3e27b. No file is ever replaced, because users keep theirs too.
After adding a model class, add a case and run this program once.

- `NAME.keras.xz`: a model after two training steps, compressed to a seventh of its size.
- `NAME.npz`: a batch, and the model's answers to it before and after one more step.
- `checkpoints/`: a training that was killed one step after the first of two epochs. `end.npz` has
  the end of the same training without the interruption.
- `run/`: what `keras-vae train` leaves, without pictures, logs, and checkpoints.
"""

import contextlib
import functools
import lzma
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_vae as kv
from tests.stored import interrupted
from tests.stored.answers import answers, arrays
from tests.support import models
from tests.support.models import BATCH, CASES, FAST, FEATURES, IMAGE, PATCHED, dense, first, uniform

# Their files would hold the same classes as those of another case.
LEFT_OUT = ("sparse_l1", "iwae_dreg", "iwae_groups_and_elbo", "iwae_piwae", "contractive_exact")
X = uniform(BATCH, *FEATURES)
RUN = ("vae_digits", "--epochs", "1", "--limit", "64", "--hidden", "4", "--out")
KEPT = ("config.json", "metrics.jsonl", "model.keras")


def half_precision() -> Any:
    return kv.ConvVAE(IMAGE, latent_dim=2, filters=(2,), hidden=4, dtype="mixed_float16", seed=1)


def frozen() -> Any:
    model = models.conv_vae()
    model.encoder.trainable = False
    return model


def dropout() -> Any:
    """Random layers in a network have a state, which the model saves."""
    encoder, decoder = dense(2)
    noisy = keras.Sequential([keras.Input(FEATURES), keras.layers.Dropout(0.4, seed=5)])
    inputs = encoder.inputs[0]
    return kv.VAE(keras.Model(inputs, encoder(noisy(inputs))), decoder, seed=1)


def filling() -> Any:
    """A layer of ours in a network; as `preprocess`, a model keeps its numbers alone."""
    encoder, decoder = dense()
    filled = kv.layers.FillGaps(0.5)(encoder.inputs[0])
    return kv.Autoencoder(keras.Model(encoder.inputs[0], encoder(filled)), decoder, seed=1)


def preprocessed() -> Any:
    scaled = keras.layers.Normalization(mean=[0.5] * FEATURES[-1], variance=[0.1] * FEATURES[-1])
    preprocess = [kv.layers.FillGaps(0.5), scaled]
    return kv.VAE(*dense(2), likelihood="normal", preprocess=preprocess, seed=1)


def rescaled() -> Any:
    return kv.VAE(*dense(2), preprocess=keras.layers.Rescaling(1 / 8, offset=0.25), seed=1)


def saved_networks(model: Any, build: Callable[..., Any], *sizes: Any, **more: Any) -> Any:
    """These classes build their networks themselves; here the networks are in the file."""
    return lambda: model(*build(*sizes, **more), seed=1, likelihood="normal")


def weights(beta: Callable[[], Any], reconstruction: Callable[[], Any]) -> Callable[[], Any]:
    """Schedules and controllers have states, so each model needs its own."""
    return lambda: models.vae(beta=beta(), loss_weights={"reconstruction": reconstruction()})()


# Each row has gaps, and numbers between them.
GAPS = np.where(np.arange(X.size).reshape(X.shape) % 4 == 1, np.nan, X).astype("float32")

# Classes and names that no case of the contract tests has.
MORE: dict[str, tuple[Callable[[], Any], Any]] = {
    "half_precision": (half_precision, uniform(BATCH, *IMAGE)),
    "frozen": (frozen, uniform(BATCH, *IMAGE)),
    "dropout": (dropout, X),
    "filling": (filling, X),
    "preprocessed": (preprocessed, X),
    "preprocessed_gaps": (preprocessed, GAPS),
    "rescaled": (rescaled, 8 * X - 2),
    "denoising_half": (
        models.denoising(lambda: kv.layers.HalfOcclusion(seed=2), IMAGE),
        uniform(BATCH, *IMAGE),
    ),
    "denoising_patch": (
        models.denoising(lambda: kv.layers.PatchOcclusion(2, seed=2), PATCHED),
        uniform(BATCH, *PATCHED),
    ),
    "vae_continuous_bernoulli": (models.vae(likelihood="continuous_bernoulli"), X),
    "vae_discretized_logistic": (models.vae(likelihood="discretized_logistic"), X),
    "vae_discretized_logistic_mixture": (
        lambda: kv.VAE(*dense(2, 6), likelihood="discretized_logistic_mixture", seed=1),
        X,
    ),
    **{
        f"vae_{name}": (models.vae(likelihood=name), models.counts(BATCH, *FEATURES))
        for name in (
            *("beta_binomial_2000", "poisson", "zero_inflated_negative_binomial"),
            "zero_inflated_poisson",
        )
    },
    "vae_beta_binomial": (models.vae(likelihood="beta_binomial"), np.rint(255 * X)),
    **{
        f"vae_{name}": (models.vae(likelihood=name), X)
        for name in ("gamma", "log_normal", "student_t", "von_mises")
    },
    "likelihood_class": (
        lambda: kv.Autoencoder(*dense(), likelihood=kv.distributions.Laplace, seed=1),
        X,
    ),
    "vae_free_bits_and_cosine": (
        weights(lambda: kv.controllers.FreeBits(0.1), lambda: kv.schedules.CosineWarmUp(9)),
        X,
    ),
    "vae_capacity_and_sigmoid": (
        weights(lambda: kv.controllers.Capacity(0.5, 2.0), lambda: kv.schedules.SigmoidWarmUp(9)),
        X,
    ),
    **{
        f"quantizer_{name}": (functools.partial(models.quantized, name), X)
        for name in models.QUANTIZERS
    },
    "networks_lstm": (
        saved_networks(kv.Autoencoder, kv.nets.lstm, models.SEQUENCE, 3, (3,)),
        uniform(BATCH, *models.SEQUENCE),
    ),
    "networks_transformer": (
        saved_networks(kv.VAE, kv.nets.transformer, models.SEQUENCE, 3, 8, 1, 2, heads=2),
        uniform(BATCH, *models.SEQUENCE),
    ),
    "networks_time_vae": (
        saved_networks(
            *(kv.VAE, kv.nets.time_vae, models.SEQUENCE, 3, 1, [(2, 1)], True, (2,), 4), heads=2
        ),
        uniform(BATCH, *models.SEQUENCE),
    ),
    "networks_patches": (
        saved_networks(kv.Autoencoder, kv.nets.patches, PATCHED, 2, 3, 8, 1, 1, 2),
        uniform(BATCH, *PATCHED),
    ),
    "adam": (models.autoencoder, X),
    "vae_cyclical": (models.vae(beta=kv.schedules.CyclicalWarmUp(5)), X),
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        if case.id not in LEFT_OUT:
            store(folder, case.id, case.make, first(BATCH, case.x))
    for name, (construct, x) in MORE.items():
        store(folder, name, construct, x)
    store(folder, "with_sampler", models.autoencoder, X, fit_sampler)
    store(folder, "detector", models.vae(), X, detector)
    store(folder, "detector_of_neighbors", models.autoencoder, X, detector_of_neighbors)
    if not (folder / "checkpoints").exists():
        store_checkpoints(folder)
    if not (folder / "run").exists():
        store_run(folder / "run")


def store(
    folder: Path,
    name: str,
    construct: Callable[[], Any],
    x: Any,
    finish: Callable[[Any], Any] = lambda model: model,
) -> None:
    """Train, save, and write down the answers, unless the file is there."""
    compressed = folder / f"{name}.keras.xz"
    if compressed.exists():
        return
    print(name, flush=True)
    keras.utils.set_random_seed(7)
    model = construct()
    # Adam divides by gradients that may be rounding errors alone, which differ between machines.
    sgd = keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(keras.optimizers.Adam(0.01) if name == "adam" else sgd, **FAST)
    for _ in range(2):
        model.train_on_batch(x)
    model = finish(model)
    with tempfile.TemporaryDirectory() as other:
        path = Path(other) / f"{name}.keras"
        model.save(path)
        compressed.write_bytes(lzma.compress(path.read_bytes(), preset=9))
    parts = [np.asarray(part) for part in keras.tree.flatten(x)]
    given = {f"x_{i}": part for i, part in enumerate(parts)}
    batch = parts[0] if len(parts) == 1 else parts
    np.savez_compressed(folder / f"{name}.npz", **given, **answers(model, batch))


def fit_sampler(model: Any) -> Any:
    model.fit_sampler(X, components=2)
    return model


def detector(model: Any) -> Any:
    found = kv.AnomalyDetector(model, score="elbo")
    found.fit_threshold(X, quantile=0.6)
    return found


def detector_of_neighbors(model: Any) -> Any:
    found = kv.AnomalyDetector(model, score="latent", neighbors=2)
    found.adapt(X)
    found.fit_threshold(X + 0.1, quantile=0.6)
    return found


def store_checkpoints(folder: Path) -> None:
    """Two checkpoints of a killed training, and how the training ends if it is not killed."""
    with contextlib.suppress(interrupted.Killed):
        interrupted.train(folder / "checkpoints", kill_at=1)
    with tempfile.TemporaryDirectory() as other:
        model, history = interrupted.train(Path(other))
    found = {**history, "score": model.score(interrupted.X)}
    np.savez_compressed(folder / "checkpoints" / "end.npz", **arrays(found))


def store_run(folder: Path) -> None:
    """The part of a run directory from which a training can be continued."""
    with tempfile.TemporaryDirectory() as other:
        run = Path(other) / "run"
        subprocess.run([sys.executable, "-m", "training.train", *RUN, str(run)], check=True)
        folder.mkdir()
        for name in KEPT:
            shutil.copy(run / name, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent / "files")
