"""Arrays for `fit` from a folder of images, and from a recording."""

from keras_vae.data.images import Images, load_images
from keras_vae.data.recordings import point_scores, windows, with_mask

__all__ = ["Images", "load_images", "point_scores", "windows", "with_mask"]
