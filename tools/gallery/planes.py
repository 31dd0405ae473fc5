"""Figures of codes in a plane, with their prior or posteriors."""

from functools import partial
from typing import Any

import keras
import numpy as np

import keras_vae as kv
from keras_vae import latents
from keras_vae.plots.figures import FONT_SIZE, TEXT_COLOR, Figure, new_figure
from tools.gallery.panels import COLORS, WIDTH, draw_density, panels, plane, rows_of_images
from tools.gallery.studio import COLUMNS, LATENT, Studio, codes_of, samples_of

HEIGHT = 3.4
COMPONENTS = 20
# Images whose posteriors are drawn, and samples of each.
CLOUDS, DOTS = 8, 300
ELLIPSES = 80


def wae(studio: Studio) -> Figure:
    """Draw codes of an autoencoder and of a WAE, over the prior."""
    return _next_to_plain(studio, "WAE", studio.make(kv.WAE, 2, mmd_weight=100.0))


def adversarial(studio: Studio) -> Figure:
    """Draw codes of an autoencoder and of an adversarial one, over the prior."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(64, "relu") for _ in range(2)]
    critic = keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1)])
    weights: dict[str, Any] = {"adversarial_weight": 10.0, "discriminator": critic}
    model = studio.make(kv.AdversarialAutoencoder, 2, **weights)
    return _next_to_plain(studio, "AdversarialAutoencoder", model)


def _next_to_plain(studio: Studio, name: str, model: Any) -> Figure:
    """Train a model, and draw its codes next to those of a plain autoencoder."""
    plain = studio.train(studio.make(kv.Autoencoder, 2), times=2)
    pair = {"Autoencoder": plain, name: studio.train(model, times=2)}
    figure, axes = panels(2, HEIGHT)
    for axis, (title, trained) in zip(axes, pair.items(), strict=True):
        plane(axis, codes_of(trained, studio.test), studio.test_labels, title)
    return figure


def info_vae(studio: Studio) -> Figure:
    """Draw the posteriors of images as ellipses, of a VAE and of an InfoVAE."""
    from matplotlib.patches import Ellipse

    model = studio.train(studio.make(kv.InfoVAE, 2, alpha=0.8, lambda_=500.0), times=2)
    pair = {"VAE": studio.flat_vae, "InfoVAE": model}
    figure, axes = panels(2, HEIGHT)
    for axis, (name, trained) in zip(axes, pair.items(), strict=True):
        q = trained.posterior(studio.test)
        mean, log_var = latents.as_numpy(q.mean), latents.as_numpy(q.log_var)
        nats = kv.estimators.mutual_information(trained, studio.test)
        plane(axis, mean, studio.test_labels, f"{name}: codes tell {nats:.1f} nats")
        for center, width in zip(mean[:ELLIPSES], 4 * np.exp(0.5 * log_var), strict=False):
            axis.add_patch(Ellipse(center, *width, fill=False, color="#666666", linewidth=0.7))
    return figure


def learned_prior(studio: Studio) -> Figure:
    """Draw codes over the density of the standard normal prior, and of a learned mixture."""
    prior = kv.priors.MixturePrior(COMPONENTS, seed=0)
    model = studio.train(studio.make(kv.LearnedPriorVAE, 2, learned_prior=prior), times=2)
    pair = {"VAE": studio.flat_vae, "LearnedPriorVAE": model}
    figure, axes = panels(2, HEIGHT)
    for axis, (name, trained) in zip(axes, pair.items(), strict=True):
        codes = codes_of(trained, studio.test)
        draw_density(axis, partial(_log_prior, trained), 1.1 * float(np.abs(codes).max()))
        title = f"{name}: prior {_nats_from_prior(trained, studio.test):.1f} nats away"
        plane(axis, codes, studio.test_labels, title, circles=False)
    return figure


def _log_prior(model: Any, z: Any) -> np.ndarray:
    return latents.as_numpy(model.prior(z).log_prob(z))


def _nats_from_prior(model: Any, images: np.ndarray) -> float:
    """Estimate the KL divergence of the codes of all images together from the prior."""
    q = model.posterior(images)
    z = q.sample(0)
    kl = float(np.mean(latents.as_numpy(q.log_prob(z)) - _log_prior(model, z)))
    return kl - kv.estimators.mutual_information(model, images)


def iaf_vae(studio: Studio) -> Figure:
    """Draw samples of the posteriors of some images, Gaussian and by an autoregressive flow."""
    return _draw_posteriors("IAFVAE", studio, studio.make(kv.IAFVAE, 2, flow_steps=4))


def flow_vae(studio: Studio) -> Figure:
    """Draw samples of the posteriors of some images, Gaussian and by planar steps."""
    return _draw_posteriors("FlowVAE", studio, studio.make(kv.FlowVAE, 2, flow_steps=8))


def _draw_posteriors(name: str, studio: Studio, model: Any) -> Figure:
    pair = {"VAE": studio.flat_vae, name: studio.train(model, times=2)}
    figure = new_figure(WIDTH, 2.4)
    figure.subplots_adjust(0.01, 0.02, 0.99, 0.88, hspace=0.4)
    rows = figure.subplots(2, CLOUDS, sharex=True, sharey=True)
    images = np.repeat(studio.some[:CLOUDS], DOTS, axis=0)
    for axes, color, (name, trained) in zip(rows, COLORS, pair.items(), strict=False):
        draws = latents.as_numpy(trained.posterior(images).sample(0))
        clouds = [_center(cloud) for cloud in np.split(draws, len(draws) // DOTS)]
        for axis, cloud in zip(axes, clouds, strict=False):
            axis.scatter(*cloud.T, color=color, s=2, linewidths=0)
            axis.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal")
        links = [abs(np.corrcoef(cloud.T)[0, 1]) for cloud in clouds]
        title = f"{name}: mean correlation of the two units {np.mean(links):.2f}"
        axes[0].set_title(title, loc="left", fontsize=FONT_SIZE, color=TEXT_COLOR)
    return figure


def _center(codes: np.ndarray) -> np.ndarray:
    """Move codes `(count, 2)` to the origin, and scale both axes by the same number."""
    centered = codes - codes.mean(axis=0)
    return centered / centered.std()


def vamp_vae(studio: Studio) -> Figure:
    """Draw learned pseudo-inputs, the images of their codes, and samples."""
    model = studio.make(kv.VampVAE, LATENT, components=COMPONENTS)
    model.adapt(studio.images)
    studio.train(model, times=1.5)
    pseudo = latents.as_numpy(model.pseudo_inputs)[:COLUMNS].clip(0, 1)
    rows = {
        "pseudo-input": pseudo,
        "decoded": latents.as_numpy(model.reconstruct(pseudo)),
        "sample": samples_of(model),
    }
    return rows_of_images(
        rows, f"Ten of the {COMPONENTS} pseudo-inputs, whose codes make the prior"
    )
