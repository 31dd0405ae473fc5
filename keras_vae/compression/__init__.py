"""Compressed files of latent codes: rounded, entropy coded and checked when read."""

from keras_vae.compression.container import read_note
from keras_vae.compression.files import (
    codes_of,
    compress,
    decompress,
    fit_tables,
    read_codes,
    read_count,
)
from keras_vae.compression.tables import Tables

__all__ = [
    "Tables",
    "codes_of",
    "compress",
    "decompress",
    "fit_tables",
    "read_codes",
    "read_count",
    "read_note",
]
