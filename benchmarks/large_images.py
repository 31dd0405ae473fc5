"""Memory of a large image that is encoded and decoded in tiles: python -m benchmarks.large_images.

It encodes and decodes a random image with `kv.encode_tiled` and `kv.decode_tiled`, and prints the
largest memory of the process before and after, and the seconds of both.
"""

import argparse
import time

import numpy as np


def main() -> None:
    """Print the memory and the time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=4096, help="pixels")
    parser.add_argument("--megabytes", type=int, default=200, help="for the tiles")
    options = parser.parse_args()
    import keras_vae as kv
    from keras_vae.export.runtimes.worker import peak_memory

    model = kv.ConvAutoencoder((64, 64, 3), latent_channels=8)
    shape = (1, options.side, options.side, 3)
    x = np.random.default_rng(0).random(shape, dtype="float32")
    memory, before, start = options.megabytes * 10**6, peak_memory(), time.perf_counter()
    codes = kv.encode_tiled(model, x, memory=memory)
    between = time.perf_counter()
    again = kv.decode_tiled(model, codes, memory=memory)
    end = time.perf_counter()
    print(
        f"{shape} to {codes.shape} and back to {again.shape} with memory={memory:,}: "
        f"{before / 1e6:,.0f} MB before, with the image of {x.nbytes / 1e6:,.0f} MB; at most "
        f"{peak_memory() / 1e6:,.0f} MB. Encoded in {between - start:.0f} s, decoded in "
        f"{end - between:.0f} s."
    )


if __name__ == "__main__":
    main()
