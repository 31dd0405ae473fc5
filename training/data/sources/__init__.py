"""Readers of data sources, one file each, and their registry (`registry`).

Every reader returns a `keras_vae.training.data.sources.base.Data`.
"""
