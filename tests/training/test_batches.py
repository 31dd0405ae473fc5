"""The order of training batches: each image once an epoch, drawn from (seed, epoch), resumable."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_vae.training.data.binarization import dynamic_batches
from keras_vae.training.data.loading import evaluation_batches, steps_per_epoch, training_batches

pytestmark = pytest.mark.tensorflow

COUNT, BATCH, STEPS = 10, 4, 3
# Image i holds the value 25 i, so a batch tells which images it holds.
IMAGES = np.full((COUNT, 2, 3, 1), 0, np.uint8) + 25 * np.arange(COUNT, dtype=np.uint8).reshape(
    -1, 1, 1, 1
)


def order(batches, steps=None):
    """Indices of the images in each batch."""
    return [
        np.rint(np.asarray(batch)[:, 0, 0, 0] * 255 / 25).astype(int).tolist()
        for batch in batches.take(-1 if steps is None else steps)
    ]


@pytest.fixture(scope="module")
def stream():
    """Batches of four epochs."""
    return order(training_batches(IMAGES, BATCH, seed=1, epochs=4))


def epochs_of(batches):
    return [sum(batches[start : start + STEPS], []) for start in range(0, len(batches), STEPS)]


def test_every_epoch_holds_every_image_once(stream):
    assert [sorted(epoch) for epoch in epochs_of(stream)] == [list(range(COUNT))] * 4


def test_every_epoch_has_an_order_of_its_own(stream):
    assert len(set(map(tuple, epochs_of(stream)))) == 4


def test_the_ragged_last_batch_is_kept(stream):
    assert [len(batch) for batch in stream] == [4, 4, 2] * 4


def test_the_same_seed_gives_the_same_order(stream):
    assert order(training_batches(IMAGES, BATCH, seed=1, epochs=4)) == stream


def test_another_seed_gives_another_order(stream):
    assert order(training_batches(IMAGES, BATCH, seed=2, epochs=4)) != stream


@pytest.mark.parametrize("start", range(1, 12))
def test_a_stream_that_starts_late_is_the_tail_of_the_whole_stream(stream, start):
    assert (
        order(training_batches(IMAGES, BATCH, seed=1, start_step=start, epochs=4))
        == (stream[start:])
    )


def test_the_endless_stream_begins_like_the_finite_one_and_goes_on(stream):
    endless = training_batches(IMAGES, BATCH, seed=1, start_step=2)
    assert order(endless, 15)[:10] == stream[2:]


def test_the_order_depends_on_no_global_seed(stream):
    import tensorflow as tf

    tf.random.set_seed(5)
    assert order(training_batches(IMAGES, BATCH, seed=1, epochs=1)) == stream[:STEPS]


def test_shuffling_is_even():
    # Image 0 comes at each of the 10 places about 300 times in 3,000 epochs; 27.9 is the 0.1 %
    # quantile of chi-squared with 9 degrees of freedom.
    places = [epoch.index(0) for epoch in _many_epochs(3000)]
    counts = np.bincount(places, minlength=COUNT)
    assert ((counts - 300) ** 2 / 300).sum() < 27.9


def _many_epochs(count):
    batches = order(training_batches(IMAGES, COUNT, seed=3, epochs=count))
    assert len(batches) == count
    return batches


@pytest.mark.parametrize("make", [training_batches, evaluation_batches])
def test_batches_are_the_bytes_over_255(make):
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    (batch,) = make(images, 4, epochs=1) if make is training_batches else make(images, 4)
    batch = np.asarray(batch)
    assert batch.dtype == np.float32 and batch.shape == (4, 8, 8, 1)
    np.testing.assert_array_equal(
        sorted(batch.ravel()), np.arange(256, dtype=np.float32) / np.float32(255)
    )


def test_labels_stay_with_their_images():
    batches = training_batches(IMAGES, BATCH, epochs=1, labels=np.arange(COUNT))
    for batch, labels in batches:
        np.testing.assert_array_equal(np.rint(np.asarray(batch)[:, 0, 0, 0] * 255 / 25), labels)


def test_evaluation_keeps_the_order_and_ends():
    batches = evaluation_batches(IMAGES, BATCH)
    assert order(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batches.cardinality() == STEPS


def test_evaluation_labels_keep_the_order():
    labels = [label for _, label in evaluation_batches(IMAGES, BATCH, labels=np.arange(COUNT))]
    assert np.concatenate(labels).tolist() == list(range(COUNT))


def test_a_stream_knows_its_length():
    import tensorflow as tf

    finite = training_batches(IMAGES, BATCH, start_step=2, epochs=4)
    assert finite.cardinality() == 10
    assert training_batches(IMAGES, BATCH).cardinality() == tf.data.INFINITE_CARDINALITY


@pytest.mark.parametrize("make", [training_batches, evaluation_batches])
def test_autotuning_and_copying_rewrites_are_off(make):
    options = make(IMAGES, BATCH).options()
    assert options.autotune.enabled is False
    assert options.experimental_optimization.apply_default_optimizations is False
    assert options.deterministic is True


@pytest.mark.parametrize("make", [training_batches, evaluation_batches, dynamic_batches])
def test_autograph_rewrites_no_function_of_a_pipeline(make):
    """Its rewriting takes longer than all else between the call of `fit` and the first step."""
    before = autograph_files()
    next(iter(make(IMAGES, BATCH)))
    assert autograph_files() == before


def autograph_files():
    return {name for name in sys.modules if name.startswith("__autograph_generated_file")}


def test_later_changes_of_the_array_do_not_reach_the_batches():
    images = IMAGES.copy()
    batches = evaluation_batches(images, BATCH)
    images[:] = 0
    assert order(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_read_only_and_strided_arrays_are_batched():
    images = np.repeat(IMAGES, 2, axis=2)[:, :, ::2]
    images.setflags(write=False)
    assert order(evaluation_batches(images, COUNT)) == [list(range(COUNT))]


def kibibytes(name):
    """A line of Linux's memory account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK),
    reason="resets the peak of memory, which Linux alone can",
)
def test_the_images_are_copied_only_once_whatever_iterates_over_them(stream):
    images = np.full((64, 1024, 1024, 1), 7, np.uint8)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak, VmHWM
    before = kibibytes("VmRSS")
    batches = training_batches(images, 1)
    iterators = [iter(batches), iter(batches)]
    for iterator in iterators:
        next(iterator)
    assert kibibytes("VmHWM") - before < 1.7 * 64 * 1024


def test_steps_per_epoch_counts_the_ragged_batch():
    assert [steps_per_epoch(count, 4) for count in (1, 4, 5, 8)] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "at least 1"),
        ({"start_step": -1}, "start_step"),
        ({"start_step": 6, "epochs": 2}, "ask for more epochs"),
        ({"epochs": 0}, "ask for more epochs"),
        ({"labels": np.arange(9)}, r"shape \(10,\)"),
        ({"images": IMAGES.astype(np.float32)}, "uint8"),
        ({"images": IMAGES[..., 0]}, "count, height, width, channels"),
        ({"images": IMAGES[:0]}, "at least 1"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        training_batches(**{"images": IMAGES, "batch_size": BATCH} | options)
