"""Decode with a .tflite file, without Keras or TensorFlow: pip install ai-edge-litert numpy.

    python decode.py decoder.tflite 0.5 -1.2 ... > picture.pgm

The numbers are the code, one for each latent dimension; what is left out is 0, the mean of the
prior. The picture goes to stdout as a PGM, or a PPM if it has colors.
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Decoder:
    """The signature `decode` of a file: `z`, within [-3, 3], to `reconstruction`, in [0, 1]."""

    def __init__(self, path: str | Path) -> None:
        # The interpreter owns what the runner uses, so both are kept.
        self._interpreter = Interpreter(model_path=str(path))
        self._decode = self._interpreter.get_signature_runner("decode")
        self.code_shape = tuple(self._decode.get_input_details()["z"]["shape"])

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Pictures `(batch, height, width, channels)` of codes `(batch, latent)`."""
        return np.array(self._decode(z=np.asarray(z, np.float32))["reconstruction"])


def as_pnm(picture: np.ndarray) -> bytes:
    """The bytes of a PGM (one channel) or PPM (three) of a picture in [0, 1]."""
    height, width, channels = picture.shape
    header = f"P{5 if channels == 1 else 6} {width} {height} 255\n".encode()
    return header + np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8).tobytes()


def main(path: str, *numbers: str) -> None:
    """Decode one code and write the picture to stdout."""
    decoder = Decoder(path)
    z = np.zeros(decoder.code_shape, np.float32)
    z.reshape(-1)[: len(numbers)] = [float(number) for number in numbers]
    sys.stdout.buffer.write(as_pnm(decoder(z)[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
