"""The numbers that a model minimizes, and their weights.

`terms` has the terms that several models share and `discrepancy` the distance of codes from a
prior. `extra_terms` are given to a model next to its own. `weights` turns a number, a schedule
(`schedules`) or a controller (`controllers`) into the weight of a term.
`Autoencoder.loss_and_logs` sums the weighted terms and averages over examples.
"""

from keras_vae.losses.adversarial_term import AdversarialTerm
from keras_vae.losses.extra_terms import ExtraTerm
from keras_vae.losses.perceptual_term import PerceptualTerm

__all__ = ["AdversarialTerm", "ExtraTerm", "PerceptualTerm"]
