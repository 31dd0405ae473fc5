"""Figures of data and models; each function returns a matplotlib `Figure`.

Jupyter shows a figure that is the last value of a cell. Otherwise nothing is shown or written, and
no window system is needed:

    keras_vae.plots.reconstructions(model, images).savefig("reconstructions.png")
"""

from keras_vae.plots.charts import latent_scatter, loss_curves, read_history
from keras_vae.plots.grids import interpolation, manifold, reconstructions, samples, traversal
from keras_vae.plots.series import series_reconstructions, series_samples
from keras_vae.plots.timelines import timeline

__all__ = [
    "interpolation",
    "latent_scatter",
    "loss_curves",
    "manifold",
    "read_history",
    "reconstructions",
    "samples",
    "series_reconstructions",
    "series_samples",
    "timeline",
    "traversal",
]
