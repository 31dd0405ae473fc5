"""Distributions of latent codes beyond a standard normal.

`priors` and `posteriors` hold learned ones, and `flows` the invertible networks of both.
"""
