"""Evaluation of a trained model: bounds on log p(x), and the information in its codes."""

from keras_vae.estimators.codes import (
    active_units,
    aggregate_kl,
    kl_per_dimension,
    mutual_information,
    total_correlation,
)
from keras_vae.estimators.likelihood import (
    Likelihood,
    elbo,
    log_likelihood,
    log_weights,
    measure_likelihood,
)
from keras_vae.estimators.numerics import bits_per_dim, log_mean_exp
from keras_vae.estimators.quadrature import quadrature_log_likelihood
from keras_vae.losses.discrepancy import mmd

__all__ = [
    "Likelihood",
    "active_units",
    "aggregate_kl",
    "bits_per_dim",
    "elbo",
    "kl_per_dimension",
    "log_likelihood",
    "log_mean_exp",
    "log_weights",
    "measure_likelihood",
    "mmd",
    "mutual_information",
    "quadrature_log_likelihood",
    "total_correlation",
]
