"""Uses of a trained autoencoder besides reconstruction and sampling.

`classifiers` starts a classifier from an encoder, `inpainting` fills in the hidden part of an
example, and `dimension_reduction` is a transformer of scikit-learn.
"""
