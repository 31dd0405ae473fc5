"""Hashes of all models after a step of training: python -m tests.support.determinism [--threads 1].

A process of its own, because TensorFlow's number of threads is chosen before its first op.
"""

import argparse
import hashlib
import json

import keras

from tests.support.models import CASES, values


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=0, help="0 for one a core")
    options = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    print(json.dumps({case.id: digest(trained(case)) for case in CASES}))


def trained(case):
    """The model of a case after a step of an optimizer with state, though with less than Adam's."""
    return case.trained(keras.optimizers.SGD(0.1, momentum=0.9), steps=1)


def digest(model) -> str:
    """The SHA-256 of every variable of a model and of its optimizer."""
    arrays = values([*model.variables, *model.optimizer.variables])
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


if __name__ == "__main__":
    main()
