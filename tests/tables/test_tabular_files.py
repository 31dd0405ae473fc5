"""Files of tables for devices: which numbers they may be quantized to."""

import numpy as np
import pytest

from keras_vae.errors import ToleranceError
from tests.support.models import FAST
from tests.support.small_models import table, tabular_vae

pytestmark = pytest.mark.tensorflow
X = np.concatenate([table()] * 8)


@pytest.fixture(scope="module")
def trained():
    model = tabular_vae()
    model.compile("sgd", **FAST)
    model.train_on_batch(X)
    return model


@pytest.mark.slow
def test_int8_loses_columns_of_different_units_and_is_refused_by_its_answers(trained, tmp_path):
    with pytest.raises(ToleranceError, match="reconstruct/reconstruction with a PSNR of"):
        trained.export(tmp_path / "m.tflite", format="litert", quantize="int8", calibration=X)
    assert not (tmp_path / "m.tflite").exists()


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["float16", "dynamic"])
def test_small_weights_are_no_loss(trained, tmp_path, quantize):
    path = trained.export(tmp_path / "m.tflite", format="litert", quantize=quantize)
    assert path.stat().st_size > 1000
