"""`keras-vae check RECIPE_OR_MODEL`: what exports, what does not, and what to change."""

import keras
import pytest
from keras import layers

import keras_vae
from keras_vae import cli
from keras_vae.export import check
from tests.support.litert_files import dense_networks, small_conv_vae

pytestmark = pytest.mark.tensorflow

RECIPE = '''
from keras_vae.training.recipes import Recipe

def recipe(width: int = 4, image_shape: tuple[int, int, int] = (4, 4, 1)) -> Recipe:
    """A recipe with noise in its decoder, which is active all the time."""
    import keras
    import keras_vae as kv

    class Grain(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seeds = keras.random.SeedGenerator(1)

        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)

    encoder, decoder = kv.nets.dense(image_shape, 3, hidden=(width,))
    z = keras.Input((3,), name="z")
    decoder = keras.Model(z, Grain(name="grain")(decoder(z)))
    return Recipe(kv.Autoencoder(encoder, decoder), None, "digits", 1, 8)
'''


@pytest.fixture
def program(capsys):
    """Call the program; gives its exit code, stdout and stderr."""

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            cli.main(check.check, [str(word) for word in words])
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return call


def line(out, name):
    return next(text for text in out.splitlines() if text.startswith(name))


@pytest.mark.long
def test_a_recipe_that_exports_to_everything_passes(program):
    code, out, _ = program("vae_digits")
    assert code == 0 and out.endswith("Will export.\n")
    assert "(C++) answers as Keras does" in line(out, "SavedModel")
    assert "answers as Keras does" in line(out, "LiteRT float32")
    for name in ("float16", "dynamic", "int8"):
        assert " yes " in line(out, f"LiteRT {name}")
    for name in ("ONNX float32", "ONNX dynamic", "ONNX int8", "OpenVINO"):
        assert " yes " in line(out, name)


@pytest.mark.long
def test_a_recipe_of_mine_that_does_not_export_fails_with_the_layer_and_what_is_left(
    program, tmp_path
):
    path = tmp_path / "mine.py"
    path.write_text(RECIPE)
    words = ("--image-shape", "6", "6", "1", "--formats", "saved_model", "float32", "onnx")
    code, out, _ = program(path, *words)
    assert code == 1 and out.endswith("Will not export to SavedModel, LiteRT float32.\n")
    told = line(out, "LiteRT float32")
    assert "NO" in told and "layer 'grain' (Grain)" in told and "standard_normal" in told
    assert "(--endpoints encode works.)" in told
    told = line(out, "ONNX float32")
    assert "NO" in told and "layer 'grain' (Grain)" in told and "standard_normal" in told


def test_a_format_is_checked_with_the_endpoints_that_are_asked_for(program, tmp_path):
    path = tmp_path / "m.keras"
    small_conv_vae().save(path)
    code, out, err = program(path, "--endpoints", "decode", "--formats", "dynamic")
    assert code == 0 and "ConvVAE, 5,145 parameters, decode" in out
    assert " dB, in decode/reconstruction" in line(out, "LiteRT dynamic")
    assert "LiteRT dynamic ... " in err


@pytest.mark.slow
def test_a_model_file_is_checked_too(program, tmp_path):
    path = tmp_path / "m.keras"
    small_conv_vae().save(path)
    formats = ("--formats", "dynamic", "onnx_int8", "openvino")
    code, out, err = program(path, "--endpoints", "decode", *formats, "--needs", "dynamic")
    assert code == 0 and "ConvVAE, 5,145 parameters, decode" in out
    for name in ("LiteRT dynamic", "ONNX int8"):
        assert " dB, in decode/reconstruction" in line(out, name)
        assert f"{name} ... " in err
    assert "answers as Keras does, relative error" in line(out, "OpenVINO")


@pytest.mark.slow
@pytest.mark.extra(name="backends")
def test_pt2_files_are_tried_too(program, tmp_path):
    small_conv_vae().save(tmp_path / "m.keras")
    words = ("--endpoints", "decode", "--formats", "torch", "--needs", "torch")
    code, out, _ = program(tmp_path / "m.keras", *words)
    assert code == 0 and "answers as Keras does, relative error" in line(out, "PyTorch")


@pytest.mark.slow
def test_a_loop_is_named_as_what_int8_cannot_have(program, tmp_path):
    encoder, _ = dense_networks()
    z = keras.Input((3,), name="z")
    h = layers.LSTM(4, name="memory")(layers.RepeatVector(5)(z))
    model = keras_vae.Autoencoder(encoder, keras.Model(z, layers.Dense(6)(h)))
    path = tmp_path / "m.keras"
    model.save(path)
    words = (path, "--endpoints", "decode", "--formats", "int8", "--needs", "int8")
    code, out, _ = program(*words)
    told = line(out, "LiteRT int8")
    assert code == 1 and "layer 'memory' (LSTM)" in told and "unroll=True" in told


def test_what_is_no_model_is_refused(program, tmp_path):
    text = tmp_path / "m.keras"
    text.write_text("no model")
    for words, message in [
        (("no_such_recipe",), "Expected the name of a recipe"),
        ((tmp_path / "no.keras",), "Expected a run directory, a preset or a .keras file"),
        ((text,), "Expected a model that Keras can load"),
        ((tmp_path,), "Expected a run directory"),
        (("vae_digits", "--endpoints", "dream"), "Expected endpoints among"),
        (("vae_digits", "--formats", "int8", "--needs", "onnx"), "Expected --needs among"),
    ]:
        code, _, err = program(*words)
        assert code == 2 and message in err and "Traceback" not in err, (words, err)
