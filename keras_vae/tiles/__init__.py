"""Encoding and decoding of large images in tiles, without seams."""

from keras_vae.tiles.decoding import decode_tiled
from keras_vae.tiles.encoding import encode_tiled

__all__ = ["decode_tiled", "encode_tiled"]
