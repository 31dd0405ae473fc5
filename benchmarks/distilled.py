"""Small decoders for devices: size, time and quality of students of a preset's decoder.

    python -m benchmarks.distilled --sizes 0.25 0.5 --hidden 96

It distills the decoder of a preset on Fashion-MNIST into narrow copies, and into dense networks of
one hidden layer. It exports `decode` to .tflite in float32 with a batch of 1, times the files in
turn on one thread, and compares reconstructions of the test images.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS, CODES = 30, 200
COLUMNS = ("decoder", "parameters", ".tflite, bytes", "us a code", "times faster", "PSNR, dB")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="conv_vae_fashion_mnist")
    parser.add_argument("--sizes", type=float, nargs="*", default=(0.25, 0.5))
    parser.add_argument("--hidden", type=int, nargs="*", default=(96,))
    parser.add_argument("--examples", type=int, default=60000)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    import keras_vae as kv
    from keras_vae.training.data.loading import as_floats, load

    data = load("fashion_mnist")
    train, test = as_floats(data.train), as_floats(data.test)
    models: dict[str, Any] = {"teacher": kv.from_preset(options.preset)}
    students: dict[str, dict[str, Any]] = {f"size={s:g}": {"size": s} for s in options.sizes}
    for hidden in options.hidden:
        teacher = models["teacher"]
        (code,) = teacher.latent_shape
        _, student = kv.nets.dense(teacher.event_shape, code, (hidden,))
        students[f"dense, {hidden} hidden units"] = {"student": student}
    for name, choice in students.items():
        models[name] = kv.distill_decoder(
            models["teacher"],
            train[: options.examples],
            epochs=options.epochs,
            seed=0,
            verbose=0,
            **choice,
        )
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: model.export(Path(folder, f"{number}.tflite"), "litert", endpoints=["decode"])
            for number, (name, model) in enumerate(models.items())
        }
        seconds = time_files(files)
        print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
        for name, model in models.items():
            quality = kv.metrics.psnr_of_mean_error(test, model.predict(test, 500, verbose=0))
            cells = (
                name,
                f"{model.decoder.count_params():,}",
                f"{files[name].stat().st_size:,}",
                f"{1e6 * seconds[name]:.0f}",
                f"{seconds['teacher'] / seconds[name]:.1f}",
                f"{quality:.2f}",
            )
            print("| " + " | ".join(cells) + " |", flush=True)


def time_files(files: dict[str, Path]) -> dict[str, float]:
    """Return the median seconds of a code by file; the files take turns."""
    from ai_edge_litert.interpreter import Interpreter

    runs = {}
    for name, path in files.items():
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        place = interpreter.get_input_details()[0]
        z = np.random.default_rng(0).normal(size=place["shape"]).astype("float32")
        interpreter.set_tensor(place["index"], z)
        runs[name] = interpreter.invoke
    times: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            for _ in range(CODES):
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


if __name__ == "__main__":
    main()
