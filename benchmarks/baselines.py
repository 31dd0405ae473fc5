"""Baselines without networks on Fashion-MNIST, for the tables of the documents.

    python -m benchmarks.baselines

Prints a row for each, fitted to the training images and measured on the test images:

- principal components: the mean squared error of 16, 32, and 64, and the accuracies of logistic
  regression and of 5 nearest neighbors on 32.
- linear filter: the best linear estimate of an image from one with Gaussian noise, with pixels cut
  to [0, 1].
- affine map: the best estimate of an image from one in which each pixel is 0 with probability 0.5.
- JPEG: all test images as tiles of one image, so that its header counts once.
"""

import io
import math
from collections.abc import Sequence

import numpy as np

from keras_vae import cli

NOISE = (0.3, 0.5)
COMPONENTS, PROBED = (16, 32, 64), 32
QUALITIES = range(4, 9)


def baselines(limit: int | None = None) -> int:
    """Measure all baselines, in about a minute.

    Args:
        limit: Number of training and of test images; all by default.

    Returns:
        0.
    """
    cli.prepare_tensorflow()
    from keras_vae.metrics import knn_probe, linear_probe
    from keras_vae.training.data.loading import as_floats, load

    data = load("fashion_mnist", limit=limit)
    parts = (as_floats(part).reshape(len(part), -1) for part in (data.train, data.test))
    train, test = (part.astype("float64") for part in parts)
    for count in COMPONENTS:
        codes, error = components(train, test, count)
        print(f"{count} principal components, MSE: {error:.5f}", flush=True)
        if count == PROBED:
            labeled = (codes[0], data.train_labels, codes[1], data.test_labels)
            print(f"logistic regression on {count}: {linear_probe(*labeled):.4f}")
            print(f"5 nearest neighbors on {count}: {knn_probe(*labeled):.4f}", flush=True)
    random = np.random.default_rng(0)
    for sigma in NOISE:
        error = filter_error(train, test, sigma, random)
        print(f"linear filter of noise of {sigma}, PSNR: {decibels(error):.2f} dB", flush=True)
    print(f"affine map of half of the pixels, MSE: {fill_error(train, test, random):.5f}")
    for quality in QUALITIES:
        for optimize in (False, True):
            bits, error = jpeg(data.test, quality, optimize)
            tables = "own tables" if optimize else "default tables"
            print(f"JPEG {quality}, {tables}: {bits:.3f} bits a pixel, {decibels(error):.2f} dB")
    return 0


def decibels(error: float) -> float:
    """Return the PSNR of a mean squared error of pixels in [0, 1]."""
    return -10 * math.log10(error)


def components(
    train: np.ndarray, test: np.ndarray, count: int
) -> tuple[Sequence[np.ndarray], float]:
    """Return the codes of training and test images, `(images, count)`, and the error of a pixel."""
    from sklearn.decomposition import PCA

    fitted = PCA(count, random_state=0).fit(train)
    codes = [fitted.transform(part) for part in (train, test)]
    return codes, float(np.square(fitted.inverse_transform(codes[1]) - test).mean())


def filter_error(
    train: np.ndarray, test: np.ndarray, sigma: float, random: np.random.Generator
) -> float:
    """Return the error of a pixel of the best linear filter of noise.

    Args:
        train: Images `(count, pixels)` in [0, 1], whose mean and covariance the filter knows.
        test: Images of the same shape, to which noise is added.
        sigma: Standard deviation of the noise.
        random: Source of the noise.
    """
    mean, covariance = train.mean(axis=0), np.cov(train, rowvar=False)
    noisy = test + sigma * random.standard_normal(test.shape)
    inverse = np.linalg.inv(covariance + sigma**2 * np.eye(len(mean)))
    restored = mean + (noisy - mean) @ inverse @ covariance
    return float(np.square(restored.clip(0, 1) - test).mean())


def fill_error(train: np.ndarray, test: np.ndarray, random: np.random.Generator) -> float:
    """Return the error of a pixel of the best affine map from images with half of the pixels at 0.

    Args:
        train: Images `(count, pixels)` in [0, 1], whose moments the map knows.
        test: Images of the same shape, of which half of the pixels are set to 0.
        random: Source of the choice of pixels.
    """
    mean, covariance = train.mean(axis=0), np.cov(train, rowvar=False)
    # Of a pixel times an independent 0 or 1, each with probability 0.5.
    seen = covariance / 4
    np.fill_diagonal(seen, np.square(train).mean(axis=0) / 2 - np.square(mean) / 4)
    hidden = test * (random.random(test.shape) < 0.5)
    filled = mean + (hidden - mean / 2) @ np.linalg.pinv(seen, hermitian=True) @ covariance / 2
    return float(np.square(filled - test).mean())


def jpeg(images: np.ndarray, quality: int, optimize: bool) -> tuple[float, float]:
    """Return the bits per pixel of JPEG, and the error of a pixel.

    Args:
        images: uint8 `(count, height, width, 1)`. The largest square number of them is taken.
        quality: The setting of Pillow.
        optimize: True for Huffman tables of this image in place of those of the standard.
    """
    from PIL import Image

    side = math.isqrt(len(images))
    height, width = images.shape[1:3]
    tiles = images[: side**2].reshape(side, side, height, width).swapaxes(1, 2)
    whole = np.ascontiguousarray(tiles.reshape(side * height, side * width))
    file = io.BytesIO()
    Image.fromarray(whole).save(file, "JPEG", quality=quality, optimize=optimize)
    again = np.asarray(Image.open(file), "float64")
    return 8 * len(file.getvalue()) / whole.size, float(np.square((again - whole) / 255).mean())


if __name__ == "__main__":
    cli.main(baselines)
