"""Warm starts: new networks that begin with the weights of a trained run."""

from typing import Any

from keras_vae.training.runs import run_directory


def start_from(run: str | None, encoder: Any, decoder: Any) -> None:
    """Give two networks the weights of those of a trained run. None leaves them as they are.

    Args:
        run: A run directory, or a .keras file, of a model with networks of the same shapes.
        encoder: The encoder of the new model.
        decoder: The decoder of the new model.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If the networks have other shapes.
    """
    if run is None:
        return
    trained = run_directory.open_run(run).model()
    encoder.set_weights(trained.encoder.get_weights())
    decoder.set_weights(trained.decoder.get_weights())
