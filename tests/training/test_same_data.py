"""A run is continued with the data it began with, and with no others of the same number."""

import types

import numpy as np
import pytest

from keras_vae.errors import UsageError
from keras_vae.training.data import digest
from keras_vae.training.data.sources.streamed import StreamedImages
from keras_vae.training.train import refuse_other_data

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), dtype="uint8")


def data_of(train=IMAGES, test=IMAGES[:4]):
    return types.SimpleNamespace(
        train=train, test=test, image_shape=train.shape[1:], kind="images", name="mine"
    )


def stored_of(data):
    return {
        "training_images": len(data.train),
        "test_images": len(data.test),
        "image_shape": list(data.image_shape),
        "data_digest": digest.digest(data),
    }


def changed(place):
    images = IMAGES.copy()
    images[place] ^= 1
    return images


def test_the_same_data_go_on():
    refuse_other_data(stored_of(data_of()), data_of(IMAGES.copy()))
    refuse_other_data(stored_of(data_of()), data_of(np.asfortranarray(IMAGES)))


OTHERS = {
    "one bit of the first image": data_of(changed(0)),
    "one bit of an image in the middle": data_of(changed(17)),
    "another order": data_of(IMAGES[::-1]),
    "other test images": data_of(test=changed(1)[:4]),
    "another type": data_of(IMAGES.astype("int8")),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_as_many_other_images_are_refused(data):
    with pytest.raises(UsageError, match="the images that the run was trained on.*in mine"):
        refuse_other_data(stored_of(data_of()), data)


def test_a_run_without_a_digest_goes_on_with_as_many_images():
    stored = stored_of(data_of())
    del stored["data_digest"]
    refuse_other_data(stored, data_of(changed(0)))


def test_large_data_are_known_by_some_rows_with_both_ends(monkeypatch):
    monkeypatch.setattr(digest, "WHOLE_BYTES", 100)
    monkeypatch.setattr(digest, "SAMPLED_ROWS", 4)  # Rows 0, 13, 26 and 39.
    before = digest.digest(data_of())
    for row in (0, 13, 26, 39):
        assert digest.digest(data_of(changed(row))) != before
    assert digest.digest(data_of(changed(5))) == before


def test_streamed_images_are_known_by_some_rows_alone():
    read = []

    def streamed(images):
        return StreamedImages(
            lambda number: read.append(number) or images[number], np.arange(40), (4, 4, 1)
        )

    before = digest.digest(data_of(streamed(IMAGES)))
    assert len(read) == digest.STREAMED_ROWS and {0, 39} <= set(read)
    assert digest.digest(data_of(streamed(IMAGES.copy()))) == before
    assert digest.digest(data_of(streamed(changed(39)))) != before
