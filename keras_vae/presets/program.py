"""The program that lists presets and shows the card of one."""

from typing import Annotated

import tyro

from keras_vae import cli
from keras_vae.presets import places


def presets(preset: Annotated[str | None, tyro.conf.Positional] = None) -> None:
    """List the trained models in this package, or show the card of one preset.

    Args:
        preset: A name from the list, the folder of a preset, or hf://USER/NAME.
    """
    if preset is not None:
        print(places.read(preset).card, end="")
        return
    found = [places.read(name) for name in places.names()]
    width = max((len(one.name) for one in found), default=0)
    for one in found:
        print(f"{one.name:{width}}  {one.config['description']}")
    print('\nIn Python: keras_vae.from_preset("NAME"). The card: keras-vae presets NAME')


if __name__ == "__main__":
    cli.main(presets, program="keras-vae presets")
