"""The training of samplers: a Keras model whose output is the loss of each code."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_vae.acceleration.ordered import OrderedBatches
from keras_vae.checkpointing.exact_resume import ExactResume
from keras_vae.checkpointing.same_options import SameOptions
from keras_vae.samplers.network import NetworkSampler
from keras_vae.typing import Tensor

LEARNING_RATE = 1e-3
WARM_UP = 0.05  # The share of steps in which the learning rate rises.


class SamplerTraining(keras.Model):
    """A sampler with variables in place of its weights.

    Args:
        sampler: The sampler before training.
        seed: Seed of the noise of training.
    """

    def __init__(self, sampler: NetworkSampler, seed: int) -> None:
        super().__init__(name="sampler", dtype="float32")
        self.sampler = sampler
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.parts = {
            name: self.add_weight(
                shape=part.shape, name=name, initializer=keras.initializers.Constant(0.0)
            )
            for name, part in sampler.weights.items()
        }
        for name, part in sampler.weights.items():
            self.parts[name].assign(part)
        self.built = True

    def call(self, inputs: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """Return the loss of each code, `(batch,)`, for `codes` and maybe `labels`."""
        codes, labels = inputs["codes"], inputs.get("labels")
        return self.sampler.losses(self.parts, codes, labels, self.seed_generator)

    def numbers(self) -> dict[str, np.ndarray]:
        """Return the trained weights by name."""
        return {name: keras.ops.convert_to_numpy(variable) for name, variable in self.parts.items()}


def train(
    sampler: NetworkSampler,
    codes: np.ndarray,
    labels: np.ndarray | None,
    epochs: int,
    batch_size: int,
    seed: int,
    verbose: Any,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, np.ndarray]:
    """Return the weights that are trained on codes.

    Adam's learning rate rises to 1e-3 and falls along a cosine to 0.

    Args:
        sampler: The sampler before training.
        codes: `(count, *latent_shape)`.
        labels: int32 `(count,)`, or None.
        epochs: Number of epochs.
        batch_size: Codes of a step.
        seed: Seed of the order of codes and of the noise.
        verbose: As in `keras.Model.fit`.
        callbacks: As in `keras.Model.fit`.
    """
    batch_size = min(batch_size, len(codes))
    steps = epochs * -(-len(codes) // batch_size)
    warm_up = int(WARM_UP * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0 if warm_up else LEARNING_RATE,
        max(steps - warm_up, 1),
        warmup_target=LEARNING_RATE if warm_up else None,
        warmup_steps=warm_up,
    )
    model = SamplerTraining(sampler, seed)
    model.compile(
        keras.optimizers.Adam(rate, beta_2=0.99, global_clipnorm=1.0),
        loss=lambda _, losses: keras.ops.mean(losses),
    )
    for callback in callbacks:
        if isinstance(callback, ExactResume):
            callback.others.append(SameOptions({"seed": seed, "data": _checksum(codes, labels)}))
    inputs = {"codes": codes} if labels is None else {"codes": codes, "labels": labels}
    batches = OrderedBatches(inputs, np.zeros(len(codes), "float32"), batch_size, seed)
    model.fit(batches, epochs=epochs, verbose=verbose, callbacks=list(callbacks), shuffle=False)
    return model.numbers()


def _checksum(codes: np.ndarray, labels: np.ndarray | None) -> str:
    """Return a checksum of integer codes and of classes, which tells those of another fit.

    Real codes count by their shape alone: on a GPU, their last bits may differ.
    """
    parts = [str(codes.shape).encode(), b"" if labels is None else labels.tobytes()]
    parts += [codes.tobytes()] if codes.dtype.kind in "iu" else []
    return f"{zlib.crc32(b' '.join(parts)):08x}"
