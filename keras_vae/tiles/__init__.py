"""Decoding of large images in tiles without visible seams."""

from keras_vae.tiles.decoding import decode_tiled

__all__ = ["decode_tiled"]
