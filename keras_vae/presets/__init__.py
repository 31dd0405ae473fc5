"""Presets: trained models, each in a folder with a card, its metrics, and the hash of every file.

`places` finds a preset in this package, in a folder, or on the Hugging Face hub (`hub`), and
`contents` checks it. `saving` writes one: the model without its optimizer (`weights`), and a page
about it (`card`). `shipped` holds the presets of this package. Nothing here imports Keras before it
loads or saves a model.
"""

from keras_vae.presets.contents import Preset
from keras_vae.presets.places import names, read
from keras_vae.presets.saving import save

__all__ = ["Preset", "names", "read", "save"]
