"""Load every model in a folder, in a process that has not made them: python -m
tests.support.reload FOLDER.

For each `NAME.keras`, `NAME.npz` must hold a batch; `NAME.after.npz` is written with what the model
answers, and with all its state before and after one more training step.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

import keras_vae  # noqa: F401

# Neither `tests.support.models` nor anything else that could register a class is imported here.


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.keras")):
        model = keras.saving.load_model(path)
        found = state_and_answers(model, load_batch(path.with_suffix(".npz")))
        np.savez(path.with_suffix(".after.npz"), **found)


def load_batch(path: Path) -> object:
    """An array, or a list of several."""
    with np.load(path) as file:
        arrays = [file[name] for name in sorted(file.files)]
    return arrays[0] if len(arrays) == 1 else arrays


def state_and_answers(model, x) -> dict[str, np.ndarray]:
    """Answers for `x`, the state, the logs of one more step on `x`, and the state after it."""
    found = {"reconstruction": model.reconstruct(x), "score": model.score(x)}
    if model.generative or model.sampler is not None:
        found["sampled"] = model.sample_codes(3, seed=4, temperature=1.0)
    found |= numbered("before", model.variables + model.optimizer.variables)
    logs = model.train_on_batch(x, return_dict=True)
    found |= numbered("after", model.variables + model.optimizer.variables)
    found |= {f"log_{name}": value for name, value in logs.items()}
    found["config"] = np.array(json.dumps(model.get_config(), default=dict, sort_keys=True))
    return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}


def numbered(name, variables):
    # A copy: the step that follows changes the variables in place.
    return {
        f"{name}_{i:03}": np.array(keras.ops.convert_to_numpy(v)) for i, v in enumerate(variables)
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
