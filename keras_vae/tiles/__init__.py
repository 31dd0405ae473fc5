"""Large images, decoded in tiles whose seams do not show."""

from keras_vae.tiles.decoding import decode_tiled

__all__ = ["decode_tiled"]
