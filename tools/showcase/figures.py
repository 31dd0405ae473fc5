"""Figures of uses: noise removed, holes filled, defects found, several betas, a photo as codes."""

from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import image_grid
from keras_vae.training.data.loading import Data, as_floats
from keras_vae.training.runs.pictures import one_of_each

COLUMNS = 10
CELL = 84
BATCH = 100
LEARNING_RATE = 1e-3
NOISE = 0.3
# Height of an image over the side of the covered square, and over that of the defect.
COVER, DEFECT = 2, 5
BETAS = (0.1, 1.0, 4.0, 20.0)
PATCH = 32
# Training images over patches of a photo.
IMAGES_PER_PATCH = 5
CODES = 256


def train(model: Any, images: np.ndarray, epochs: int) -> Any:
    """Train `model` with Adam and return it."""
    steps = epochs * -(-len(images) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(images, epochs=epochs, batch_size=BATCH, verbose=0)
    return model


def vae(data: Data, epochs: int, beta: float = 1.0) -> Any:
    """Return a trained VAE with a 16-dimensional code."""
    keras.utils.set_random_seed(0)
    model = kv.ConvVAE(data.image_shape, latent_dim=16, beta=beta, seed=0)
    return train(model, as_floats(data.train), epochs)


def some(data: Data) -> np.ndarray:
    """Return a test image of each class, `(COLUMNS, height, width, channels)`."""
    return as_floats(data.test[one_of_each(data)[:COLUMNS]])


def denoising(data: Data, epochs: int) -> Any:
    """Draw clean images, the same with Gaussian noise, and what a denoiser makes of them."""
    corruption = keras.layers.GaussianNoise(NOISE, seed=0)
    return _restoration(data, epochs, corruption, f"Gaussian noise, sigma {NOISE}")


def inpainting(data: Data, epochs: int) -> Any:
    """Draw images, the same with a covered square, and the square filled in."""
    side = data.image_shape[0] // COVER
    corruption = kv.layers.RectangleOcclusion(side, side, seed=0)
    return _restoration(data, epochs, corruption, f"A covered square of {side}x{side} pixels")


def _restoration(data: Data, epochs: int, corruption: Any, title: str) -> Any:
    keras.utils.set_random_seed(0)
    networks = kv.nets.conv_map(data.image_shape, 32, (32, 64), context=256)
    model = kv.DenoisingAutoencoder(*networks, corruption=corruption, seed=0)
    train(model, as_floats(data.train), epochs)
    clean = some(data)
    spoiled = latents.as_numpy(model.corruption(clean, training=True))
    restored = latents.as_numpy(model.reconstruct(spoiled))
    return image_grid(
        np.stack([clean, spoiled, restored]), title, ["original", "before", "after"], cell=CELL
    )


def anomalies(data: Data, epochs: int) -> Any:
    """Draw images with an inverted square, and the score of each pixel as a heat map."""
    from matplotlib import colormaps

    broken = some(data).copy()
    height = broken.shape[1]
    side = height // DEFECT
    random = np.random.default_rng(0)
    for image in broken:
        row, column = random.integers(height // 4, 3 * height // 4 - side + 1, 2)
        part = image[row : row + side, column : column + side]
        part[:] = 1 - part
    detector = kv.AnomalyDetector(vae(data, epochs))
    maps = latents.as_numpy(detector.score_map(broken)).sum(axis=-1)
    heat = colormaps["inferno"](maps / maps.max(axis=(1, 2), keepdims=True))[..., :3]
    rows = [np.repeat(broken, 3, axis=-1), heat]
    title = f"An inverted square of {side}x{side} pixels, and the score of each pixel"
    return image_grid(np.stack(rows), title, ["image", "score"], cell=CELL)


def betas(data: Data, epochs: int) -> Any:
    """Draw reconstructions and samples of VAEs that differ in beta alone."""
    images = some(data)
    half = COLUMNS // 2
    rows, labels = [images], ["input"]
    for beta in BETAS:
        model = vae(data, epochs, beta)
        samples = latents.as_numpy(model.sample(COLUMNS - half, seed=1))
        rows.append(np.concatenate([latents.as_numpy(model.reconstruct(images[:half])), samples]))
        labels.append(f"beta {beta:g}")
    rows[0][half:] = 1.0
    title = "Reconstructions (left) and samples (right) of one VAE under several betas"
    return image_grid(np.stack(rows), title, labels, cell=CELL)


def color(data: Data, epochs: int) -> Any:
    """Draw a photo of scikit-learn, and what is left of it after integer codes.

    The model trains on random patches of another photo and of the left half of this one.
    """
    from sklearn.datasets import load_sample_images

    china, flower = (image / np.float32(255) for image in load_sample_images().images)
    seen = [china, flower[:, :320]]
    random = np.random.default_rng(0)
    count = -(-len(data.train) // IMAGES_PER_PATCH)
    patches = np.stack([_patch(seen[i % 2], random) for i in range(count)])
    model = _codes_of((PATCH, PATCH, 3))
    model.adapt(patches)
    train(model, patches, 2 * epochs)
    photo = flower[96:320, 320:608]
    whole = _codes_of(photo.shape)
    whole.set_weights(model.get_weights())  # Convolutions fit any size.
    again = latents.as_numpy(whole.reconstruct(photo[None]))[0]
    bits = np.log2(CODES) * np.prod(model.latent_shape) / PATCH**2
    title = f"A photo, and the same from integer codes ({bits:g} bits a pixel instead of 24)"
    return image_grid(np.stack([photo, again])[None], title, cell=photo.shape[0])


def _codes_of(shape: tuple[int, ...]) -> Any:
    """Return an untrained model of integer codes, one for each square of four pixels."""
    keras.utils.set_random_seed(0)
    networks = kv.nets.conv_map(shape, 16, (64,))
    return kv.VQVAE(*networks, codebook_size=CODES, likelihood="bernoulli", seed=0)


def _patch(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    row, column = (random.integers(0, size - PATCH) for size in image.shape[:2])
    return image[row : row + PATCH, column : column + PATCH]
