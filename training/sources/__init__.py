"""Readers of data sources, one file each, and their registry (`registry`).

Every reader returns a `training.sources.base.Data`.
"""
