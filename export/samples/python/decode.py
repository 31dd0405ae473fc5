"""Decode with a .tflite file, without Keras or TensorFlow: pip install ai-edge-litert numpy.

    python decode.py decoder.tflite 0.5 -1.2 ... > image.pgm
    python decode.py --sample model.tflite SEED [LABEL] > image.pgm

The numbers are the latent code, one for each dimension. Numbers left out are 0, the mean of the
prior. A seed gives the same image as in Keras. The image is written to stdout as a PGM, or as a PPM
if it has colors.
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Decoder:
    """The signature `decode` of a file: `z` in [-3, 3] to `reconstruction` in [0, 1]."""

    def __init__(self, path: str | Path) -> None:
        # The runner uses memory of the interpreter, so both are kept.
        self._interpreter = Interpreter(model_path=str(path))
        self._decode = self._interpreter.get_signature_runner("decode")
        self.code_shape = tuple(self._decode.get_input_details()["z"]["shape"])

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Decode codes `(batch, latent)` to images `(batch, height, width, channels)`."""
        return np.array(self._decode(z=np.asarray(z, np.float32))["reconstruction"])


def to_pnm(image: np.ndarray) -> bytes:
    """Return the bytes of a PGM (one channel) or PPM (three) of an image in [0, 1]."""
    height, width, channels = image.shape
    header = f"P{5 if channels == 1 else 6} {width} {height} 255\n".encode()
    return header + np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8).tobytes()


def sample(path: str | Path, seed: int, *label: int) -> np.ndarray:
    """Return the image of a seed, `(height, width, channels)`, of a class if the file takes one."""
    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner("sample")
    names = ("seed", "label")[: 1 + len(label)]
    inputs = {k: np.array([v], np.int32) for k, v in zip(names, (seed, *label), strict=True)}
    return np.array(runner(**inputs)["reconstruction"])[0]


def main(*words: str) -> None:
    """Decode one code, or draw one image, and write it to stdout."""
    if words[0] == "--sample":
        path, *numbers = words[1:]
        sys.stdout.buffer.write(to_pnm(sample(path, *map(int, numbers))))
        return
    path, *numbers = words
    decoder = Decoder(path)
    z = np.zeros(decoder.code_shape, np.float32)
    z.reshape(-1)[: len(numbers)] = [float(number) for number in numbers]
    sys.stdout.buffer.write(to_pnm(decoder(z)[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
