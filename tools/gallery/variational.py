"""Figures of the models with a posterior: what is random, and what each unit or level says."""

from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import Figure
from tools.gallery.panels import COLORS, color_map, frame, panels, rows_of_images
from tools.gallery.studio import (
    COLUMNS,
    FILTERS,
    LATENT,
    WIDTHS,
    Studio,
    codes_of,
    normal_codes,
    outputs_of,
    samples_of,
)

DRAWS = 50
SAMPLES = (1, 2, 5, 10, 20, 50, 100, 200)
# Test images of the bounds.
BOUNDED = 200
FREE_NATS = 0.5
# Size of the top of the ladder, and nats that each of its levels may say for free.
TOP, LADDER_NATS = 4, 12.0
CODES = 5
# One image of so many has a label for the semi-supervised model.
LABELED = 10


def vae(studio: Studio) -> Figure:
    """Draw what several samples of the posterior of an image decode to."""
    model = studio.vae
    images = latents.as_numpy(_decode_draws(model, studio.some))
    rows = {"input": studio.some}
    for number in range(3):
        rows[f"sample {number + 1}"] = images[number]
    rows["spread"] = color_map(images.std(axis=0)[..., 0], "inferno", low=0.0)
    return rows_of_images(rows, "Three samples of the posterior, decoded, and the spread of fifty")


def _decode_draws(model: Any, x: np.ndarray) -> np.ndarray:
    """Decode samples of the posterior, `(DRAWS, *x.shape)`."""
    q = model.posterior(np.concatenate([x] * DRAWS))
    return latents.as_numpy(model.decode(q.sample(0))).reshape(DRAWS, *x.shape)


def vae_gan(studio: Studio) -> Figure:
    """Draw reconstructions and samples of a VAE, and of a VAE with a discriminator."""
    model = studio.train(studio.make(kv.VAEGAN, beta=0.2), times=2)
    rows = {
        "input": studio.some,
        "VAE": outputs_of(studio.vae, studio.some),
        "VAEGAN": outputs_of(model, studio.some),
        "sample, VAE": samples_of(studio.vae),
        "sample, VAEGAN": samples_of(model),
    }
    return rows_of_images(rows, "Reconstructions and samples of a VAE and of a VAEGAN")


def conv_vae(studio: Studio) -> Figure:
    """Draw samples at several temperatures."""
    keras.utils.set_random_seed(0)
    model = studio.train(
        kv.ConvVAE(studio.data.image_shape, LATENT, filters=FILTERS, activation="relu", seed=0),
        times=3,
    )
    rows = {
        f"temperature {number:g}": samples_of(model, temperature=number)
        for number in (0.4, 0.7, 1.0, 1.3)
    }
    return rows_of_images(rows, "The same codes of the prior, nearer to the origin and farther")


def iwae(studio: Studio) -> Figure:
    """Draw the bound of a VAE and of an IWAE over the number of samples."""
    model = studio.train(studio.make(kv.IWAE, samples=10))
    figure, (axes,) = panels(1, 2.8)
    pair = {"trained as a VAE": studio.vae, "trained as an IWAE, 10 samples": model}
    for color, (name, trained) in zip(COLORS, pair.items(), strict=False):
        axes.plot(SAMPLES, _bounds(trained, studio.test), "o-", color=color, label=name)
    axes.set_xscale("log")
    axes.set_xticks(SAMPLES, [str(count) for count in SAMPLES])
    axes.minorticks_off()
    frame(axes, "Bound on log p(x) of test images", "samples of the code", "nats")
    axes.legend(frameon=False, fontsize=9)
    return figure


def _bounds(model: Any, images: np.ndarray) -> list[float]:
    result = kv.estimators.measure_likelihood(model, images[:BOUNDED], samples=SAMPLES)
    return [float(result.bounds[count].mean()) for count in SAMPLES]


def free_bits(studio: Studio) -> Figure:
    """Draw the KL divergence of each unit, in decreasing order, next to that of a VAE."""
    model = studio.train(studio.make(kv.FreeBitsVAE, 2 * LATENT, nats=FREE_NATS))
    pair = {"VAE": studio.train(studio.make(kv.VAE, 2 * LATENT)), "FreeBitsVAE": model}
    figure, axes = panels(2, 2.6, sharey=True)
    for axis, color, (name, trained) in zip(axes, COLORS, pair.items(), strict=False):
        kl = np.sort(latents.kl_per_dimension(trained, studio.test))[::-1]
        axis.bar(range(1, len(kl) + 1), kl, color=color)
        axis.axhline(FREE_NATS, color="#333333", linestyle="--", linewidth=1.0)
        unused = int(np.sum(kl < 0.05))
        frame(axis, f"{name}: {unused} of {len(kl)} units say nothing", "unit", "KL, nats")
    return figure


def conditional(studio: Studio) -> Figure:
    """Draw a row for each code, decoded under all conditions."""
    keras.utils.set_random_seed(0)
    classes = int(studio.labels.max()) + 1
    networks = kv.nets.conditional(
        kv.nets.conv, studio.data.image_shape, 8, classes, filters=FILTERS, hidden=64
    )
    one_hot = np.eye(classes, dtype="float32")
    model = kv.ConditionalVAE(*networks, seed=0)
    studio.train(model, (studio.images, one_hot[studio.labels]), times=2)
    return _draw_conditions(studio, model, one_hot, "One code under all conditions")


def semi_supervised(studio: Studio) -> Figure:
    """Draw a row for each code, decoded under all classes, of which few labels were known."""
    keras.utils.set_random_seed(0)
    classes, shape = int(studio.labels.max()) + 1, studio.data.image_shape
    networks = kv.nets.conditional(kv.nets.dense, shape, 8, classes, hidden=WIDTHS)
    classifier = kv.nets.dense_encoder(shape, classes, hidden=WIDTHS)
    model = kv.SemiSupervisedVAE(*networks, classifier, classification_weight=20.0, seed=0)
    one_hot = np.eye(classes, dtype="float32")
    known = np.random.default_rng(0).random(len(studio.labels)) < 1 / LABELED
    studio.train(model, (studio.images, one_hot[studio.labels] * known[:, None]), times=2)
    right = latents.as_numpy(model.classify(studio.test)).argmax(axis=1) == studio.test_labels
    title = f"One code under all classes; {right.mean():.0%} of test images are classified right"
    return _draw_conditions(studio, model, one_hot, title)


def _draw_conditions(studio: Studio, model: Any, one_hot: np.ndarray, title: str) -> Figure:
    shown = min(len(one_hot), COLUMNS)
    codes = normal_codes(CODES, 8).repeat(shown, axis=0)
    conditions = np.concatenate([one_hot[:shown]] * CODES)
    images = latents.as_numpy(model.decode((codes, conditions)))
    rows = {f"code {number + 1}": part for number, part in enumerate(np.split(images, CODES))}
    return rows_of_images(rows, title, studio.names[:shown])


def clusters(studio: Studio) -> Figure:
    """Draw the mean of each cluster, and the images that surely belong to it."""
    model = studio.make(kv.VaDE, components=COLUMNS, beta=0.0)
    studio.train(model)
    model.adapt(studio.images)
    model.beta = 1.0
    studio.train(model)
    surest = np.argsort(-latents.as_numpy(model.cluster(studio.test)), axis=0)
    rows = {"mean": latents.as_numpy(model.decode(model.learned_prior.mean))}
    rows |= {f"image {number + 1}": studio.test[surest[number]] for number in range(4)}
    return rows_of_images(rows, "Ten clusters, found without labels")


def ladder(studio: Studio) -> Figure:
    """Draw what is left of images if only the codes of the top levels are kept."""
    keras.utils.set_random_seed(0)
    networks = kv.nets.conv_ladder(studio.data.image_shape, TOP, 2, filters=FILTERS)
    model = studio.train(kv.LadderVAE(*networks, free_bits=LADDER_NATS, seed=0), times=1.5)
    codes = codes_of(model, studio.some)
    nats = latents.as_numpy(model.kl_of_levels(studio.some)).mean(axis=0)
    rows, kept = {"input": studio.some}, 0
    for size, kl, level in zip(model.decoder.sizes, nats, model.decoder.levels, strict=True):
        kept += size
        shape = "x".join(map(str, level.code_shape))
        few = np.where(np.arange(codes.shape[1]) < kept, codes, 0).astype("float32")
        name = f"{'+ ' if len(rows) > 1 else ''}{shape}, {kl:.0f} nats"
        rows[name] = latents.decode(model, few)
    return rows_of_images(
        rows, "The levels of the code, from the top; those below are at their mean"
    )
