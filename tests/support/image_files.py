"""Writers of small image files, for the tests of what reads them."""

import gzip
import struct

import numpy as np
from PIL import Image


def write_idx(path, array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    content = header + bytes(array.ravel().tolist())
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def picture(seed, shape=(4, 5, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
