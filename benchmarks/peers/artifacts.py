"""A process that makes the files for all runtimes, since TensorFlow takes much memory."""

import sys
from pathlib import Path

from benchmarks import network

LARGE = 256
LITERT = {"float32": None, "float16": "float16", "int8": "int8"}


def make(folder: Path) -> None:
    """Write model.keras, a SavedModel, LiteRT files of batch 1 and 256, and ONNX.

    ONNX is left out where its converter is not installed.
    """
    import keras
    import numpy as np

    import keras_vae as kv

    keras.utils.set_random_seed(0)
    model = kv.ConvVAE(network.IMAGE_SHAPE, network.LATENT, activation="relu", seed=0)
    generator = np.random.default_rng(0)
    for layer in model.decoder.layers:  # LiteRT's files of layers without biases have more ops.
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(generator.normal(0.0, 0.05, layer.bias.shape))
    model.save(folder / "model.keras")
    model.export(folder / "saved_model", endpoints=("decode",))
    images = generator.random((64, *network.IMAGE_SHAPE), dtype="float32")
    for name, quantize in LITERT.items():
        for batch in (1, LARGE):
            model.export(
                folder / f"{name}-{batch}.tflite",
                format="litert",
                endpoints=("decode",),
                quantize=quantize,
                calibration=images,
                batch_size=batch,
                min_psnr=20.0 if quantize else None,  # An untrained model; the speed is the same.
            )
    z = keras.Input((network.LATENT,))
    decoder = keras.Model(z, keras.ops.sigmoid(model.decoder(z)))
    decoder(np.zeros((1, network.LATENT), "float32"))  # Keras exports what was called.
    try:
        decoder.export(folder / "decoder.onnx", format="onnx", verbose=False)
    except ImportError:
        return


if __name__ == "__main__":
    make(Path(sys.argv[1]))
