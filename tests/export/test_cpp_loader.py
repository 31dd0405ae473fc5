"""What is exported is loaded by the C++ code that TF Serving links, and answers as Keras does."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_vae
from keras_vae.export.runtimes import arrays, cpp_loader
from keras_vae.export.serving.signatures import read_signatures
from keras_vae.random import row_seeds
from tests.support import serving

pytestmark = pytest.mark.tensorflow

COUNT = 5
VAE = "ConvVAE"


def pngs() -> np.ndarray:
    """PNG files of the images as Pillow writes them."""
    files = []
    for image in np.round(serving.images(COUNT)[..., 0] * 255).astype("uint8"):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        files.append(file.getvalue())
    return np.array(files, object)


def requests(kind: str) -> arrays.Grouped:
    x = serving.images(COUNT)
    z = np.random.default_rng(2).standard_normal((COUNT, *serving.model(kind).latent_shape))
    asked = {name: {"x": x} for name in ("serving_default", "reconstruct", "encode", "score")}
    asked |= {"decode": {"z": z.astype("float32")}, "reconstruct_png": {"image_bytes": pngs()}}
    if kind == VAE:
        asked["sample"] = {"seed": row_seeds(COUNT, 3)}
    return asked


@pytest.fixture(
    scope="module", params=[VAE, pytest.param("ConvAutoencoder", marks=pytest.mark.slow)]
)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def answers(kind):
    return serving.run_cpp(serving.saved_model(kind), requests(kind), kind)


def assert_close(received, expected):
    expected = np.asarray(expected)
    assert received.shape == expected.shape
    assert np.abs(received - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


@pytest.mark.slow
def test_png_of_a_conditional_model_is_that_of_keras_and_empty_without_a_number(tmp_path):
    """Its condition is an input of numbers, beside a picture in a file."""
    networks = keras_vae.nets.conditional(keras_vae.nets.conv, serving.SHAPE, 3, 2, filters=(4,))
    model = keras_vae.ConditionalVAE(*networks, likelihood="bernoulli", seed=0)
    condition = np.array([[1, 0], [0, 1], [np.nan, 0]], "float32")
    x = (np.round(serving.images(3) * 255) / 255).astype("float32")
    expected = np.round(np.asarray(model.reconstruct((x[:2], condition[:2]))) * 255)
    inputs = {"image_bytes": pngs()[:3], "condition": condition}
    with cpp_loader.SavedModel(model.export(tmp_path / "vae")) as loaded:
        first, second, third = loaded.run("reconstruct_png", inputs)["reconstruction_bytes"]
    for file, picture in zip((first, second), expected, strict=True):
        assert np.abs(np.asarray(Image.open(io.BytesIO(file))) - picture[..., 0]).max() <= 1
    assert third == b""


@pytest.mark.slow
def test_every_signature_is_asked(kind):
    assert set(requests(kind)) == set(read_signatures(serving.saved_model(kind)))


@pytest.mark.slow
def test_reconstruct_is_that_of_keras_and_the_default(kind, answers):
    expected = serving.model(kind).reconstruct(serving.images(COUNT))
    assert_close(answers["reconstruct"]["reconstruction"], expected)
    assert_close(answers["serving_default"]["reconstruction"], expected)


def test_encode_is_that_of_keras(kind, answers):
    model, x = serving.model(kind), serving.images(COUNT)
    if kind == VAE:
        assert set(answers["encode"]) == {"z_mean", "z_log_var"}
        assert_close(answers["encode"]["z_mean"], model.posterior(x).mean)
        assert_close(answers["encode"]["z_log_var"], model.posterior(x).log_var)
    else:
        assert set(answers["encode"]) == {"z"}
        assert_close(answers["encode"]["z"], model.encode(x))


def test_decode_is_that_of_keras(kind, answers):
    expected = serving.model(kind).decode(requests(kind)["decode"]["z"])
    assert_close(answers["decode"]["reconstruction"], expected)


def test_score_is_that_of_keras(kind, answers):
    model, x = serving.model(kind), serving.images(COUNT)
    terms = model.score_terms(x)
    assert_close(answers["score"]["score"], model.score(x))
    assert_close(answers["score"]["reconstruction_error"], terms["reconstruction"])
    if kind == VAE:
        assert_close(answers["score"]["kl"], terms["kl"])


def test_png_in_is_png_out(kind, answers):
    x = np.round(serving.images(COUNT) * 255) / 255
    expected = np.round(np.asarray(serving.model(kind).reconstruct(x.astype("float32"))) * 255)
    for file, picture in zip(
        answers["reconstruct_png"]["reconstruction_bytes"], expected, strict=True
    ):
        assert file.startswith(b"\x89PNG")
        # One grey level where a value lies on the border between two.
        assert np.abs(np.asarray(Image.open(io.BytesIO(file))) - picture[..., 0]).max() <= 1


@pytest.mark.slow
def test_sample_is_that_of_keras_row_by_row():
    answers = serving.run_cpp(serving.saved_model(VAE), requests(VAE), VAE)
    assert_close(answers["sample"]["reconstruction"], serving.model(VAE).sample(COUNT, seed=3))


def test_the_file_that_plain_saving_writes_is_refused_here_although_python_loads_it():
    # The proof that this loader can say no: keras#20096, tensorflow#73158.
    path = serving.folder() / "plain"
    model = serving.model(VAE)
    model(serving.images(2))
    tf.saved_model.save(model, str(path))
    tf.saved_model.load(str(path))
    file = serving.folder() / "plain.npz"
    signature = read_signatures(path)["serving_default"]
    inputs = {name: np.zeros((2, *serving.SHAPE), "float32") for name in signature.inputs}
    arrays.write(file, {"serving_default": inputs})
    done = serving.run_program(
        *(
            "-m",
            "keras_vae.export.runtimes.cpp_loader",
            path,
            "--inputs",
            file,
            "--outputs",
            file.with_suffix(".out"),
        )
    )
    assert done.returncode == 2
    assert "Expected TensorFlow's C++ loader to run 'serving_default'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def loaded():
    with cpp_loader.SavedModel(serving.saved_model(VAE)) as model:
        yield model


def test_any_batch_size_is_served(loaded):
    for count in (1, 2, 33):
        answer = loaded.run("reconstruct", {"x": serving.images(count)})
        assert answer["reconstruction"].shape == (count, *serving.SHAPE)


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("paint", {}, "Expected a signature among .*'decode'.*Received: 'paint'"),
        ("decode", {"x": np.zeros((1, 3), "float32")}, r"Expected the inputs \['z'\]"),
        ("decode", {"z": np.zeros((1, 4), "float32")}, r"float32\[\?, 3\].*float32\[1, 4\]"),
        ("decode", np.zeros((1, 3), "float32"), r"\['z'\] .*in a dictionary.*Give {'z': array}"),
        ("decode", {"z": np.zeros((1, 3))}, r"Received: float64\[1, 3\]"),
        ("reconstruct_png", {"image_bytes": [b"no picture"]}, "Expected TensorFlow's C"),
    ],
)
def test_a_wrong_request_is_an_error(loaded, signature, inputs, message):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=message):
        loaded.run(signature, inputs)


def test_a_picture_of_another_size_is_an_error(loaded):
    file = io.BytesIO()
    Image.fromarray(np.zeros((9, 8), "uint8")).save(file, "PNG")
    with pytest.raises(RuntimeError, match=r"image of 8x8.*\[9 8\]"):
        loaded.run("reconstruct_png", {"image_bytes": [file.getvalue()]})


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected a folder with saved_model.pb"):
        cpp_loader.SavedModel(tmp_path)


def test_a_damaged_file_is_an_error(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x0a\xff\xff\xff")
    with pytest.raises(ValueError, match="Expected a whole protocol buffer"):
        cpp_loader.SavedModel(tmp_path)
    with pytest.raises(ValueError, match="Expected a whole protocol buffer"):
        read_signatures(tmp_path)


def test_libraries_that_are_not_there_are_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected libtensorflow_framework"):
        cpp_loader.SavedModel(serving.saved_model(VAE), libraries=tmp_path)


def test_the_signatures_in_the_file_are_those_that_are_loaded(loaded):
    assert read_signatures(serving.saved_model(VAE)) == loaded.signatures


def test_text_that_a_file_of_arrays_would_change_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="zero byte"):
        arrays.write(tmp_path / "a.npz", {"s": {"t": np.array([b"a\x00"], object)}})


def test_a_file_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", **{"s/t": np.array([{}], object)})
    with pytest.raises(ValueError, match="Expected numbers. Received: Python objects"):
        arrays.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "name, message",
    [
        ("a.npy", "Expected arrays named signature/tensor. Received: an array without a name in"),
        ("x.npz", "Expected arrays named signature/tensor. Received: x in"),
        ("cut.npz", "Expected a file written by numpy.save or numpy.savez.*cut.npz"),
        ("empty.npz", "Expected a file written by numpy.save or numpy.savez.*empty.npz"),
        ("text.npz", "Expected a file written by numpy.save or numpy.savez.*text.npz"),
    ],
)
def test_a_file_that_is_none_of_inputs_is_an_error_of_the_program(tmp_path, capsys, name, message):
    np.save(tmp_path / "a.npy", np.zeros(3))
    np.savez(tmp_path / "x.npz", x=np.zeros(3))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:-30])
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("hello")
    words = [str(tmp_path), "--inputs", str(tmp_path / name), "--outputs", str(tmp_path / "new")]
    assert cpp_loader.main(words) == 2
    assert re.search(message, capsys.readouterr().err)


def test_outputs_that_would_replace_each_other_or_the_inputs_are_refused(tmp_path, capsys):
    arrays.write(tmp_path / "a.npz", {"s": {"t": np.zeros(3)}})
    content = (tmp_path / "a.npz").read_bytes()
    for options in (["--outputs", "a.npz"], ["--outputs", "b", "--report", "b"]):
        paths = [w if w.startswith("--") else str(tmp_path / w) for w in options]
        assert cpp_loader.main([str(tmp_path), "--inputs", str(tmp_path / "a.npz"), *paths]) == 2
        assert "Expected one path for each" in capsys.readouterr().err
    assert (tmp_path / "a.npz").read_bytes() == content and not (tmp_path / "b").exists()
    missing = str(tmp_path / "no" / "r")
    assert cpp_loader.main([str(tmp_path), "--report", missing]) == 2


# Closed while threads run: in a process of its own, because a fault would end the tests.

CLOSED = """
import sys, threading
import numpy as np
from keras_vae.export.runtimes.cpp_loader import SavedModel

z = np.zeros((2000, int(sys.argv[2])), "float32")
for _ in range(20):
    model = SavedModel(sys.argv[1])
    answers, ready = [], threading.Barrier(5)

    def ask():
        ready.wait()
        try:
            while True:
                answers.append(len(model.run("decode", {"z": z})["reconstruction"]))
        except RuntimeError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait()
    model.close()
    model.close()
    for thread in threads:
        thread.join()
    closed = "Expected an open SavedModel. Received: one that is closed."
    assert set(answers) <= {2000, closed} and answers.count(closed) == 4, set(answers)
print("closed")
"""


@pytest.mark.long
def test_closing_waits_for_threads_that_run_and_refuses_later_ones():
    folder, size = serving.saved_model(VAE), serving.model(VAE).latent_shape[0]
    done = subprocess.run(
        [sys.executable, "-c", CLOSED, str(folder), str(size)],
        cwd=serving.ROOT,
        env=serving.ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stdout == "closed\n", (done.returncode, done.stderr)
