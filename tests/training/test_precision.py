"""The probe of a precision asks about the precision alone."""

import keras
import pytest

from keras_vae.errors import UsageError
from keras_vae.training import precision

pytestmark = pytest.mark.tensorflow


def test_channels_that_come_first_in_keras_do_not_matter():
    """Convolutions with channels first have no kernel on a CPU."""
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        precision.use("float32")
    finally:
        keras.config.set_image_data_format(before)


def test_other_names_are_refused():
    with pytest.raises(UsageError, match="Expected a precision of .*Received: 'half'"):
        precision.use("half")
