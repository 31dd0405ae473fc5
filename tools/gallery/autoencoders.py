"""Figures of the models without noise in their codes."""

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import Figure
from tools.gallery.panels import COLORS, color_map, frame, panels, rows_of_images
from tools.gallery.studio import (
    COLUMNS,
    LATENT,
    Studio,
    codes_of,
    normal_codes,
    outputs_of,
    samples_of,
)

COMPONENTS = 10
CHANNELS = 4
NOISE = 0.4
# Width of a sparse code, and its units that may be active.
WIDE, ACTIVE = 64, 6
CHANGES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4)
CONTRACTION = 2.0
SHARP = 8
MASK_RATIO = 0.6
RATES = (0.02, 0.3)


def autoencoder(studio: Studio) -> Figure:
    """Draw images of random codes: of a standard normal, and of the fitted mixture."""
    model = studio.autoencoder
    rows = {
        "input": studio.some,
        "output": outputs_of(model, studio.some),
        "N(0, I)": latents.decode(model, normal_codes(COLUMNS, LATENT)),
    }
    model.fit_sampler(studio.images, components=COMPONENTS)
    rows["fit_sampler"] = samples_of(model)
    return rows_of_images(rows, "Reconstructions, then images of random codes from two sources")


def conv_autoencoder(studio: Studio) -> Figure:
    """Draw the channels of a code that is a map, in color."""
    model = _with_map(studio)
    codes = codes_of(model, studio.some)
    rows = {"input": studio.some}
    for channel in range(CHANNELS):
        rows[f"channel {channel}"] = color_map(codes[..., channel])
    rows["output"] = outputs_of(model, studio.some)
    shape = "x".join(map(str, model.latent_shape))
    return rows_of_images(rows, f"The code is a map of {shape}")


def _with_map(studio: Studio) -> kv.ConvAutoencoder:
    keras.utils.set_random_seed(0)
    shape = studio.data.image_shape
    model = kv.ConvAutoencoder(shape, CHANNELS, filters=(16, 32), activation="relu", seed=0)
    return studio.train(model)


def denoising(studio: Studio) -> Figure:
    """Draw images, the same with noise, and without it again."""
    corruption = keras.layers.GaussianNoise(NOISE, seed=0)
    model = studio.train(
        studio.make_map(kv.DenoisingAutoencoder, 16, corruption=corruption), times=2
    )
    noisy = latents.as_numpy(model.corruption(studio.some, training=True))
    clean = outputs_of(model, noisy)
    rows = {"clean": studio.some}
    for name, images in {"corrupted": noisy, "denoised": clean}.items():
        rows[f"{name}, {_decibels(studio.some, images):.0f} dB"] = images
    return rows_of_images(
        rows, f"Gaussian noise with a standard deviation of {NOISE}, and its removal"
    )


def _decibels(x: np.ndarray, images: np.ndarray) -> float:
    return kv.metrics.mean_psnr(x, images.clip(0, 1))


def sparse(studio: Studio) -> Figure:
    """Draw the units of codes of a plain autoencoder and of a sparse one."""
    plain = studio.train(studio.make(kv.Autoencoder, WIDE))
    model = studio.make(kv.SparseAutoencoder, WIDE, penalty="top_k", k=ACTIVE)
    few = studio.train(model, times=2)
    figure, axes = panels(2, 2.6, sharey=True)
    for axis, (name, trained) in zip(
        axes, {"Autoencoder": plain, "SparseAutoencoder": few}.items(), strict=True
    ):
        codes = codes_of(trained, studio.some)
        limit = np.abs(codes).max()
        axis.imshow(codes, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        active = np.mean(np.sum(codes_of(trained, studio.test) != 0, axis=1))
        frame(axis, f"{name}: {active:.0f} of {WIDE} units", "unit", "image")
        axis.grid(False)
        axis.set_yticks(range(len(codes)), studio.names[: len(codes)])
    return figure


def contractive(studio: Studio) -> Figure:
    """Draw how far codes move when the input gets noise, relative to their spread."""
    model = studio.make(kv.ContractiveAutoencoder, contraction_weight=CONTRACTION)
    figure, (axes,) = panels(1, 2.8)
    pair = {"Autoencoder": studio.autoencoder, "ContractiveAutoencoder": studio.train(model)}
    for color, (name, trained) in zip(COLORS, pair.items(), strict=False):
        axes.plot(CHANGES, _changes(trained, studio.test), "o-", color=color, label=name)
    frame(axes, "How far codes move", "noise in the input, standard deviation", "change / spread")
    axes.legend(frameon=False, fontsize=9)
    axes.set_ylim(bottom=0)
    return figure


def _changes(model: kv.Autoencoder, images: np.ndarray) -> list[float]:
    """Return the root mean square change of codes for each noise, in units of their spread."""
    codes = codes_of(model, images)
    noise = normal_codes(*images.shape)
    moved = (codes_of(model, images + change * noise) - codes for change in CHANGES)
    return [float(np.sqrt(np.mean(step**2) / codes.var(axis=0).mean())) for step in moved]


def perceptual(studio: Studio) -> Figure:
    """Draw reconstructions from a small code, of a plain autoencoder and of a perceptual one."""
    plain = studio.train(studio.make(kv.Autoencoder, SHARP))
    model = studio.train(studio.make(kv.PerceptualAutoencoder, SHARP, perceptual_weight=1.0))
    rows = {
        "input": studio.some,
        "Autoencoder": outputs_of(plain, studio.some),
        "Perceptual": outputs_of(model, studio.some),
    }
    return rows_of_images(rows, f"Reconstructions from {SHARP}-dimensional codes")


def rae(studio: Studio) -> Figure:
    """Draw samples of a VAE and of an RAE with a fitted sampler."""
    model = studio.train(studio.make(kv.RAE), times=2)
    model.fit_sampler(studio.images, components=COMPONENTS)
    vae, new = (samples_of(trained, 2 * COLUMNS) for trained in (studio.vae, model))
    rows = {
        "VAE": vae[:COLUMNS],
        "VAE ": vae[COLUMNS:],
        "RAE": new[:COLUMNS],
        "RAE ": new[COLUMNS:],
    }
    return rows_of_images(rows, "Samples of a VAE from its prior, and of an RAE from its sampler")


def mask_patches(studio: Studio) -> Figure:
    """Draw images with hidden patches in color, and their completions."""
    keras.utils.set_random_seed(0)
    model = kv.MaskedAutoencoder(
        studio.data.image_shape,
        4,
        32,
        MASK_RATIO,
        likelihood="bernoulli",
        width=64,
        blocks=3,
        seed=0,
    )
    studio.train(model, times=3)
    patches = np.random.default_rng(0).random((COLUMNS, *model.grid)) > MASK_RATIO
    known = patches.repeat(model.patch, axis=1).repeat(model.patch, axis=2)
    whole = kv.inpaint(model, studio.some, known)
    hidden = np.where(known[..., None], np.repeat(studio.some, 3, -1), (0.91, 0.44, 0.04))
    rows = {"whole": studio.some, "visible": hidden, "completed": whole}
    return rows_of_images(rows, f"{MASK_RATIO:.0%} of the patches are hidden")


def compressive(studio: Studio) -> Figure:
    """Draw reconstructions at several rates, with the bytes of an image and the quality."""
    size = studio.some[0].size
    rows = {f"{size} bytes": studio.some}
    for rate in RATES:
        model = studio.make(kv.CompressiveAutoencoder, 32, rate_weight=rate, likelihood="normal")
        studio.train(model)
        length = len(kv.compression.compress(model, studio.test)) / len(studio.test)
        quality = _decibels(studio.test, outputs_of(model, studio.test))
        rows[f"{length:.1f} bytes, {quality:.1f} dB"] = outputs_of(model, studio.some)
    return rows_of_images(rows, "Bytes of an image, and the quality at that size")
