"""Data sets of TensorFlow Datasets, by a small one that is written here. No network is used."""

import json
import socket
import time

import numpy as np
import pytest

import keras_vae.training.data.sources.tfds
from keras_vae.training.data.loading import load
from keras_vae.training.data.sources import tfds_stream
from keras_vae.training.data.sources.streamed import StreamedImages

pytestmark = pytest.mark.tensorflow
tfds = pytest.importorskip("tensorflow_datasets", reason="pip install keras-vae[programs]")

SIZES = {"train": 23, "test": 5}


def pixels(split, index, shape=(4, 3, 3)):
    return np.random.default_rng([len(split), index]).integers(0, 256, shape, np.uint8)


class _Tiny(tfds.core.GeneratorBasedBuilder):
    """Base of the data sets below."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = None
    splits = ("train", "test")
    shape = (4, 3, 3)

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=self.shape),
            "label": tfds.features.ClassLabel(names=["even", "odd"]),
            "name": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in self.splits}

    def _generate_examples(self, split):
        for index in range(SIZES[split]):
            shape = (4 + index % 2, 3, 3) if None in self.shape else (4, 3, 3)
            image = pixels(split, index, shape)
            yield index, {"image": image, "label": index % 2, "name": f"{index}"}


class TinyPictures(_Tiny):
    """Both parts, one size."""


class TinyOnePart(_Tiny):
    """Nothing but training images, no size stated."""

    splits = ("train",)
    shape = (None, None, 3)


class TinyUnreachable(_Tiny):
    """Its server never answers."""

    url = ""

    def _split_generators(self, dl_manager):
        dl_manager.download(self.url)


class TinyText(_Tiny):
    """No image."""

    def _info(self):
        features = tfds.features.FeaturesDict({"image": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _generate_examples(self, split):
        yield 0, {"image": "a word"}


class TinyDepth(_Tiny):
    """Images of 16 bits."""

    def _info(self):
        image = tfds.features.Image(shape=(2, 2, 1), dtype=np.uint16, encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict({"image": image})
        )

    def _generate_examples(self, split):
        yield 0, {"image": np.full((2, 2, 1), 40_000, np.uint16)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    for builder in (TinyPictures, TinyOnePart, TinyText, TinyDepth):
        builder(data_dir=folder).download_and_prepare()
    return folder


def test_a_prepared_data_set_gives_its_images_and_labels(folder):
    data = load("tfds:tiny_pictures", data_dir=folder)
    assert data.name == "tiny_pictures" and data.label_names == ("even", "odd")
    assert data.train.shape == (23, 4, 3, 3) and data.test.shape == (5, 4, 3, 3)
    expected = {pixels("train", index).tobytes(): index % 2 for index in range(23)}
    got = {
        image.tobytes(): label for image, label in zip(data.train, data.train_labels, strict=True)
    }
    assert got == expected


@pytest.mark.parametrize("kind", ["tfrecord", "array_record"])
def test_a_stream_has_the_images_of_memory(tmp_path, kind):
    for builder in (TinyPictures, TinyOnePart):
        builder(data_dir=tmp_path, file_format=kind).download_and_prepare()
    memory, streamed = (
        load(f"{scheme}:tiny_pictures", data_dir=tmp_path) for scheme in ("tfds", "stream:tfds")
    )
    assert streamed.name == memory.name and isinstance(streamed.train, StreamedImages)
    np.testing.assert_array_equal(streamed.train, memory.train)
    np.testing.assert_array_equal(streamed.test, memory.test)
    memory, streamed = (
        load(f"{scheme}:tiny_one_part", data_dir=tmp_path, image_size=(8, 6), limit=7)
        for scheme in ("tfds", "stream:tfds")
    )
    np.testing.assert_array_equal(streamed.train, memory.train)
    assert len(streamed.test) == 3  # Every tenth of 23, where memory reads 14 only.


def test_files_of_another_kind_are_not_streamed(folder, monkeypatch):
    monkeypatch.delitem(tfds_stream.OPENERS, "tfrecord")
    with pytest.raises(ValueError, match="files of array_record. Received: tfrecord"):
        load("stream:tfds:tiny_pictures", data_dir=folder)


def test_the_bare_name_is_enough_and_the_order_is_fixed(folder):
    first, second = (
        load("tiny_pictures", data_dir=folder),
        load("tfds:tiny_pictures", data_dir=folder),
    )
    np.testing.assert_array_equal(first.train, second.train)


def test_a_limit_and_a_size_hold_for_both_parts(folder):
    data = load("tiny_pictures", data_dir=folder, limit=4, image_size=(8, 6))
    assert data.train.shape == data.test.shape == (4, 8, 6, 3)
    assert len(data.train_labels) == 4


def test_every_tenth_image_is_held_out_where_there_is_no_test_part(folder):
    data = load("tiny_one_part", data_dir=folder, image_size=(4, 3))
    assert len(data.train) == 20 and len(data.test) == 3
    assert len(load("tiny_one_part", data_dir=folder, image_size=(4, 3), limit=3).train) == 3


def test_images_of_different_sizes_need_an_image_size(folder):
    with pytest.raises(ValueError, match=r"a size to stretch them to \(image_size.*tiny_one_part"):
        load("tiny_one_part", data_dir=folder)


@pytest.mark.parametrize("name", ["tiny_text", "tiny_depth"])
def test_a_data_set_without_images_of_bytes_is_refused(folder, name):
    with pytest.raises(ValueError, match=f"one image feature of bytes.*{name}"):
        load(name, data_dir=folder)


def test_a_name_that_tfds_does_not_know_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'no_such_set'"):
        load("tfds:no_such_set", data_dir=tmp_path)


def test_a_server_that_does_not_answer_ends_in_an_error_that_says_what_to_do(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(keras_vae.training.data.sources.tfds, "NETWORK_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(TinyUnreachable, "url", f"http://127.0.0.1:{silent.getsockname()[1]}/a")
        start = time.monotonic()
        with pytest.raises(FileNotFoundError, match="tiny_unreachable.*or use other data: digits"):
            load("tfds:tiny_unreachable", data_dir=tmp_path)
    assert time.monotonic() - start < 20
    output = capsys.readouterr()
    assert "downloads it into" in output.err and not output.out


# Files from strangers.


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """A prepared data set without code, whose features are of a module that leaves a mark."""
    (tmp_path / "evil_feature.py").write_text("import pathlib; pathlib.Path('mark').touch()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "data" / "gift" / "1.0.0"
    folder.mkdir(parents=True)
    about = {"name": "gift", "version": "1.0.0", "fileFormat": "tfrecord", "splits": []}
    (folder / "dataset_info.json").write_text(json.dumps(about))
    features = {"pythonClassName": "evil_feature.Image", "jsonFeature": {"json": "{}"}}
    (folder / "features.json").write_text(json.dumps(features))
    return tmp_path


@pytest.mark.parametrize("kind", ["tfds", "stream:tfds"])
def test_a_module_that_the_files_of_a_data_set_name_is_not_imported(stranger, kind):
    with pytest.raises(ValueError, match="Expected features of TensorFlow Datasets.*evil_feature"):
        load(f"{kind}:gift", data_dir=stranger / "data")
    assert not (stranger / "mark").exists()


@pytest.mark.parametrize("name", ["huggingface:gift", "kubric:gift/a:1.0.0"])
def test_code_of_a_namespace_is_not_fetched(name):
    with pytest.raises(ValueError, match="of a namespace, whose code would be fetched and run"):
        load(f"tfds:{name}")
