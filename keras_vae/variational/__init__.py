"""Distributions of latent codes beyond a standard normal.

`priors` and `posteriors` hold learned ones, `flows` the invertible networks of both, and
`mixture_sampler` the Gaussian mixture that `fit_sampler` fits to the codes after training.
"""
