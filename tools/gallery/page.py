"""The page of the gallery."""

from collections.abc import Collection, Mapping
from typing import Any

STORIES = {
    "holes": (
        "Why a VAE",
        "Both models have the same networks and a 16-dimensional code. To get new images, you "
        "decode random codes. An autoencoder does not tell you where to take them from: its codes "
        "lie anywhere, with gaps in which the decoder has learned nothing. A VAE pulls its codes "
        "to a standard normal, so you sample from that.",
    ),
    "manifold": (
        "A latent plane",
        "A VAE with two latent units, decoded at even quantiles of the prior.",
    ),
    "latents": (
        "Codes of a VAE with 16 latent units",
        "You see the two main directions, colored by letter. The model never saw the labels.",
    ),
    "interpolation": (
        "Interpolation",
        "From one test image to another, by spherical interpolation of their codes.",
    ),
    "traversal": ("Traversal", "One latent unit at a time, the most informative at the top."),
    "arithmetic": (
        "Arithmetic",
        "The mean code of bold letters minus that of thin ones, added to codes of thin letters.",
    ),
    "samples": ("Samples", "Random codes of the prior, decoded."),
}

# What you see in the picture of each model.
MODELS = {
    "AdversarialAutoencoder": "A discriminator compares codes with samples of the prior, until "
    "the codes lie near it. The circles are standard deviations of the prior.",
    "Autoencoder": "Random codes of a standard normal decode to no letter. Fit a sampler to the "
    "codes after training, and you get letters.",
    "BetaTCVAE": "Each unit changes one property of the ellipse, and the last one changes none. "
    "The matrix shows which property. An unused unit carries noise, so its row means nothing.",
    "CompressiveAutoencoder": "Choose the size of your files by `rate_weight`: fewer bytes cost "
    "detail.",
    "ConditionalVAE": "A code is a style, and you choose the letter.",
    "ContractiveAutoencoder": "Noise in the input moves its codes less than those of a plain "
    "autoencoder.",
    "ConvAutoencoder": "Each channel of the code is a small image of the letter, so the code says "
    "where each stroke is.",
    "ConvVAE": "A low temperature gives you typical letters, and a high one unusual letters.",
    "DIPVAE": "A penalty on the correlation of units, without a discriminator. The first three "
    "units follow one property each.",
    "DenoisingAutoencoder": "You give it noisy images, and get clean ones.",
    "FSQ": "A code has three levels, here red, green, and blue. One code in the middle is changed, "
    "and only its surroundings change.",
    "FactorVAE": "Each unit changes one property or none, as in a `BetaTCVAE`. A discriminator "
    "tells the model when units depend on each other.",
    "FlowVAE": "Planar steps bend the Gaussian posterior of a VAE, each along one direction.",
    "FreeBitsVAE": "Each unit may say as much as the dashed line for free, so none falls silent.",
    "IAFVAE": "In a VAE, the two units of a posterior are independent. A flow makes them depend on "
    "each other.",
    "IWAE": "More samples tighten the bound. A model that is trained with ten samples has the "
    "better bound if you take ten or more.",
    "InfoVAE": "Ellipses are posteriors at two standard deviations. An InfoVAE has smaller ones, "
    "so a code tells you more about its image.",
    "LSTMAutoencoder": "An outline is a sequence of points. Outlines of any length become codes of "
    "one size, and the model draws them from these codes.",
    "LSTMVAE": "You sample new sequences, here outlines of letters.",
    "LadderVAE": "The top level gives you a rough letter, and the levels below it the outline.",
    "LearnedPriorVAE": "The gray density is the prior. A learned one follows the codes, so it is "
    "fewer nats away from them than a standard normal.",
    "MaskedAutoencoder": "You hide the orange patches, and it completes the letter.",
    "PerceptualAutoencoder": "From codes of the same size you get sharper edges.",
    "RAE": "Its samples come from a fitted sampler, and are sharper than those of a VAE.",
    "SemiSupervisedVAE": "Only one image of ten had a label. A code is a style, you choose the "
    "letter, and the model also classifies images.",
    "SparseAutoencoder": "A few units describe each letter, and the others are exactly 0.",
    "TCNAutoencoder": "Convolutions read an outline of any length, all of its points at once.",
    "TCNVAE": "You sample new sequences, with all points at once.",
    "TimeVAE": "You see of which parts a noisy series is made: a trend and a cycle.",
    "TransformerAutoencoder": "Ten points of an outline are hidden by a mask. The model fills "
    "them in, in orange over the true line in gray. It finds the way, but cuts corners.",
    "TransformerVAE": "A VAE fills the same gap in many ways, so you see how sure it is. It keeps "
    "closer to the true line.",
    "VAE": "The code of an image is a distribution. Its samples decode to one letter, and bright "
    "pixels show you where they differ.",
    "VAEGAN": "A discriminator compares images by its features, and judges samples. So edges are "
    "sharper than those of a VAE.",
    "VQVAE": "Each code has a color. One code in the middle is changed, and only its surroundings "
    "change.",
    "VaDE": "It saw no labels. A column is a cluster: the image of its mean, and test images that "
    "belong to it.",
    "VampVAE": "The prior is made of the codes of learned inputs, which look like letters.",
    "WAE": "The codes of an autoencoder lie anywhere. Those of a WAE together keep near the "
    "prior, whose standard deviations are the circles.",
}


def page(drawn: Collection[str], facts: Mapping[str, Any]) -> str:
    """Return the text of README.md.

    Args:
        drawn: Names of the models that have a picture.
        facts: `data`, `epochs`, `images`, `date`.
    """
    parts = [
        "# Gallery",
        f"You see small models after {facts['epochs']} epochs, or a few times as many, on "
        f"{facts['images']:,} images of {facts['data']}. The test letters are of fonts that no "
        "model saw.",
    ]
    for name, (title, text) in STORIES.items():
        parts += [f"## {title}", text, f"![{title}]({name}.png)"]
    parts += [
        "## Samples while it learns",
        "The same 64 codes after each epoch.",
        "![Samples after each epoch](training.gif)",
        "## Models",
        "Here you see what is different about a model. [Choose a model](../models.md) has their "
        "losses, and says when to take which.",
    ]
    for name, text in sorted(MODELS.items()):
        if name in drawn:
            parts += [f"### {name}", text, f"![{name}]({name}.png)"]
    parts.append(f"`python -m tools.gallery`, {facts['date']}")
    return "\n\n".join(parts) + "\n"
