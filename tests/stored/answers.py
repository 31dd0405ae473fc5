"""Ask all stored models, in a process that made none: python -m tests.stored.answers FILES OUT.

The batch of `FILES/NAME.keras` is in `FILES/NAME.npz`. Its answers are written to `OUT/NAME.npz`.
If a model does not load, the reason is written to `OUT/NAME.txt`.
"""

import sys
import traceback
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_vae as kv

# Do not import `tests.support.models` or anything else that could register a class.


def main(files: Path, out: Path) -> None:
    for path in sorted(files.glob("*.keras")):
        try:
            found = answers(kv.load(path), load_batch(path.with_suffix(".npz")))
        except Exception:
            (out / f"{path.stem}.txt").write_text(traceback.format_exc()[-3000:])
        else:
            np.savez(out / f"{path.stem}.npz", **found)


def load_batch(path: Path) -> Any:
    """Return the stored batch: an array, or a list of several."""
    with np.load(path) as file:
        arrays = [file[name] for name in sorted(file.files) if name.startswith("x_")]
    return arrays[0] if len(arrays) == 1 else arrays


def answers(model: Any, x: Any) -> dict[str, np.ndarray]:
    """Return the answers for `x`, then the logs and the answers after one more training step."""
    if isinstance(model, kv.AnomalyDetector):
        found = {"is_anomaly": model.is_anomaly(x), "threshold": model.threshold.value}
        return arrays(found | {"score": model.score(x), "score_map": model.score_map(x)})
    found = arrays(ask(model, x))
    if model.generative or model.sampler is not None:
        given = {"condition": x[1][0]} if isinstance(x, list) else {}
        found |= arrays({"sample": model.sample(3, seed=4, **given)})
    # The random generators of Keras give other noise on other backends, and so another step.
    if keras.backend.backend() == "tensorflow":
        logs = model.train_on_batch(x, return_dict=True)
        later = {f"answers_{name}": value for name, value in ask(model, x).items()}
        found |= {f"next_{k}": v for k, v in arrays(logs | later).items()}
    return found


def ask(model: Any, x: Any) -> dict[str, Any]:
    return {
        "encode": model.encode(x),
        "reconstruct": model.reconstruct(x),
        "score": model.score(x),
    }


def arrays(found: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.array(keras.ops.convert_to_numpy(value)) for name, value in found.items()}


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
