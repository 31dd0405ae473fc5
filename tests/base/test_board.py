"""What TensorBoard reads: pictures, KL of each latent unit, and codes, under our names."""

from pathlib import Path

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import FAST, conv_vae, uniform

pytest.importorskip("tensorboard", reason="part of the programs extra")
IMAGES = uniform(9, 6, 5, 1)


def read(folder):
    """The last value of each tag in the event files of a folder."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = {}
    for path in sorted(Path(folder).rglob("events.out.*")):
        for event in EventFileLoader(str(path)).Load():
            found |= {value.tag: (event.step, value) for value in event.summary.value}
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    model = conv_vae()
    model.compile("adam", **FAST)
    board = kv.callbacks.LatentBoard(folder, IMAGES, [f"a\tb{i}" for i in range(9)], every=2)
    logs = keras.callbacks.TensorBoard(folder, write_graph=False)
    history = model.fit(
        IMAGES, epochs=2, validation_data=(IMAGES,), callbacks=[board, logs], verbose=0
    )
    return folder, model, history.history


@pytest.mark.tensorflow  # keras.callbacks.TensorBoard.
def test_the_terms_of_the_loss_are_logged_by_their_names(trained):
    folder, _, history = trained
    for part, prefix in (("train", ""), ("validation", "val_")):
        found = read(folder / part)
        for term in ("loss", "elbo", "reconstruction", "kl"):
            step, value = found[f"epoch_{term}"]
            logged = np.frombuffer(value.tensor.tensor_content, "float32")
            assert step == 1 and logged == pytest.approx([history[prefix + term][-1]])


@pytest.mark.tensorflow
def test_pictures_and_kl_are_there_at_the_epochs_that_were_asked_for(trained):
    folder, model, _ = trained
    found = {tag: value for tag, value in read(folder).items() if not tag.startswith("epoch_")}
    names = [f"kl_per_dimension/{i:03}" for i in range(2)]
    assert {*names, "reconstructions", "samples"} <= found.keys()
    assert {step for step, _ in (found[name] for name in names)} == {1}
    kl = kv.latents.kl_per_dimension(model, IMAGES)
    for name, nats in zip(names, kl, strict=True):
        assert found[name][1].tensor.float_val[0] == pytest.approx(nats, rel=1e-3)
    for name in ("reconstructions", "samples"):
        assert found[name][1].tensor.string_val[2].startswith(b"\x89PNG")


@pytest.mark.tensorflow
def test_the_projector_has_codes_labels_and_thumbnails(trained):
    folder, model, _ = trained
    codes = np.loadtxt(folder / "codes.tsv")
    np.testing.assert_allclose(codes, np.asarray(model.encode(IMAGES)), rtol=1e-3, atol=1e-5)
    assert (folder / "labels.tsv").read_text().splitlines() == [f"a b{i}" for i in range(9)]
    text = (folder / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "codes.tsv"' in text and "single_image_dim: 5 single_image_dim: 6" in text
    from matplotlib.image import imread

    sprite = imread(folder / "sprite.png")[..., :3]
    assert sprite.shape == (18, 15, 3)
    np.testing.assert_allclose(sprite[6:12, 5:10, :1], IMAGES[4], atol=0.01)
    assert read_config(text).embeddings[0].metadata_path == "labels.tsv"


def read_config(text):
    """The configuration as TensorBoard's projector reads it."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    return text_format.Parse(text, ProjectorConfig())


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="a label for each of the 9 examples. Received: 2"):
        kv.callbacks.LatentBoard(tmp_path, IMAGES, labels=[1, 2])
    with pytest.raises(ValueError, match="every of at least 1"):
        kv.callbacks.LatentBoard(tmp_path, IMAGES, every=0)


def test_the_extra_is_named_where_tensorboard_is_missing(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with pytest.raises(ImportError, match="keras-vae\\[programs\\]"):
        kv.callbacks.LatentBoard(tmp_path, IMAGES)
