"""Samples of priors over codes on Fashion-MNIST, against those of the ConvVAE of the demo.

    python -m benchmarks.priors --priors autoregressive masked flow --epochs 8
    python -m benchmarks.priors --priors flow maf two_stage --epochs 8

Trains a tokenizer of 7x7 codes, and a ConvVAE of 16 for priors of real codes. Fits each prior to
the codes of the training images, and prints a row for each:

- `distance`: Fréchet distance in HOG features from 10,000 test images. "codes of test images" is
  that of their reconstructions.
- `accuracy`: the share of class-conditional samples that a classifier of real images gives the
  class that was asked for.
- `LiteRT ms of an image`: the endpoint `sample` on one core.
- `bits`: bits of the code of a test image under the prior, as a share of a uniform code.
- `nats`: -log density of a posterior sample of the code of a test image, of `maf` alone.
- `use`: the share of codes that training images use.
"""

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

TESTED = 10_000
REAL = ("flow", "maf", "two_stage")  # Priors of real codes.


def classifier(images: np.ndarray, labels: np.ndarray, epochs: int) -> Any:
    """Return a small convolutional network that was trained on real images."""
    import keras

    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(128, "relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(images, labels, batch_size=128, epochs=epochs, verbose=2)
    return network


def distance(real: np.ndarray, made: np.ndarray) -> float:
    """Return the Fréchet distance in HOG features."""
    from keras_vae import metrics

    return float(metrics.compare_pictures(real, made, metrics.HOG)["frechet_distance_hog"])


def draw_samples(
    model: Any, labels: np.ndarray | None = None, guidance: float | None = None
) -> Any:
    """Return TESTED samples, of the classes `labels` if there are some."""
    from keras_vae import random
    from keras_vae.acceleration.batching import map_batches

    seeds = random.row_seeds(TESTED, 0)
    if labels is None:
        return map_batches(lambda s: model.decode(model.sample_codes_from_seeds(s)), seeds, 500)

    def draw(batch: Any) -> Any:
        codes = model.sample_codes_from_seeds(batch[0], 1.0, batch[1], guidance)
        return model.decode(codes)

    return map_batches(draw, (seeds, labels), 500)


def latency(model: Any) -> float:
    """Return the median milliseconds of `sample` of one image, in LiteRT on one core."""
    from ai_edge_litert.interpreter import Interpreter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sample.tflite")
        model.export(path, format="litert", endpoints=["sample"])
        interpreter = Interpreter(str(path), num_threads=1)
        runner, seconds = interpreter.get_signature_runner("sample"), []
        for seed in range(30):
            begin = time.perf_counter()
            runner(seed=np.array([seed], "int32"), label=np.array([1], "int32"))
            seconds.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(seconds))


def tokenizer(name: str, images: np.ndarray, epochs: int) -> Any:
    """Return a trained model with codes of 7x7 places, integers or vectors."""
    import keras

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    if name == "real":
        model: Any = kv.ConvVAE((28, 28, 1), latent_dim=16)
    else:
        networks = kv.nets.conv_map((28, 28, 1), 16, (64, 128))
        model = kv.VQVAE(*networks, 256, likelihood="bernoulli", seed=0)
        model.adapt(images)
    kv.compile_fast(model, keras.optimizers.Adam(1e-3))
    model.fit(images, batch_size=128, epochs=epochs, verbose=2)
    return model


def main(words: Sequence[str] | None = None) -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--priors", nargs="+", default=["autoregressive", "masked", "flow"])
    parser.add_argument("--epochs", type=int, default=8, help="Epochs of the tokenizer.")
    parser.add_argument("--prior-epochs", type=int, default=None)
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 1.5, 2.0])
    parser.add_argument("--width", type=int, default=None)
    parser.add_argument("--blocks", type=int, default=None)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--keep", type=Path, default=None, help="Folder of the trained models.")
    given = parser.parse_args(words)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_vae.training.data.loading import load

    data = load("fashion_mnist")
    train, test = (part.astype("float32") / 255.0 for part in (data.train, data.test))
    train, labels = train[: given.images], np.asarray(data.train_labels, "int32")[: given.images]
    test = test[:TESTED]
    judge = classifier(train, labels, 4)
    known = judge.predict(test, batch_size=500, verbose=0).argmax(axis=1)
    print("accuracy on test images:", np.mean(known == np.asarray(data.test_labels)[:TESTED]))
    models: dict[str, Any] = {}
    for prior in given.priors:
        kind = "real" if prior in REAL else "integers"
        path = given.keep and given.keep / f"{kind}.keras"
        if kind not in models:
            models[kind] = _load(path) or tokenizer(kind, train, given.epochs)
            if path:
                models[kind].save(path)
        print(json.dumps(row(models[kind], prior, train, labels, test, judge, given)), flush=True)
        if given.keep:
            models[kind].save(given.keep / f"{prior}.keras")


def _load(path: Path | None) -> Any:
    import keras_vae as kv

    return kv.load(path) if path and path.is_file() else None


def row(
    model: Any,
    prior: str,
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    judge: Any,
    given: argparse.Namespace,
) -> dict[str, Any]:
    """Fit a prior and return its numbers by name."""
    import keras_vae as kv
    from keras_vae.acceleration.batching import map_batches

    found: dict[str, Any] = {"prior": prior}
    model.sampler = None
    found["codes of test images"] = distance(test, map_batches(model.reconstruct, test, 500))
    if prior in REAL:
        found["own prior"] = distance(test, draw_samples(model))
    begin, cpu = time.perf_counter(), time.process_time()
    settings = {"width": given.width, "blocks": given.blocks, "epochs": given.prior_epochs}
    settings = {name: value for name, value in settings.items() if value is not None}
    model.fit_prior(train, labels, prior=prior, verbose=2, **settings)
    found["seconds"] = round(time.perf_counter() - begin)
    found["processor_seconds"] = round(time.process_time() - cpu)
    found["distance"] = distance(test, draw_samples(model))
    asked = (np.arange(TESTED) % 10).astype("int32")
    for guidance in given.guidance if model.sampler.is_guided else [1.0]:
        samples = draw_samples(model, asked, guidance)
        found[f"distance of classes, guidance {guidance:g}"] = distance(test, samples)
        chosen = judge.predict(samples, batch_size=500, verbose=0).argmax(axis=1)
        found[f"accuracy, guidance {guidance:g}"] = float(np.mean(chosen == asked))
    found["LiteRT ms of an image"] = latency(model)
    if prior == "maf":
        codes = kv.samplers.sample_posterior(model, test)
        found["nats"] = float(-map_batches(model.sampler.log_prob, codes, 500).mean())
    if prior == "autoregressive":
        codes = map_batches(model.encode, test, 500)
        nats = map_batches(model.sampler.log_prob, codes, 500)
        uniform = codes[0].size * math.log(model.codebook_size)
        found["bits"] = float(-nats.mean() / uniform)
        found["use"] = len(np.unique(map_batches(model.encode, train, 500))) / model.codebook_size
    return found


if __name__ == "__main__":
    main()
