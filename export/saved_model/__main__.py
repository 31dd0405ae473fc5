"""Run `python -m export.saved_model`."""

from keras_vae import cli
from keras_vae.export.saved_model.program import export_saved_model

if __name__ == "__main__":
    cli.main(export_saved_model, program="python -m export.saved_model")
