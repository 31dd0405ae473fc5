"""Programs read one source in one way: sizes, windows and folders are those of the training."""

import keras
import numpy as np
import pytest

from keras_vae.errors import UsageError
from keras_vae.export import compress
from keras_vae.training.data.loading import as_floats, load
from keras_vae.training.data.resizing import CropTo, choose_resizing, resize
from keras_vae.training.data.sources import fashion_mnist
from keras_vae.training.data.sources.base import check_levels
from keras_vae.training.data.sources.streamed import StreamedImages
from keras_vae.training.prediction.rows import open_rows
from keras_vae.training.runs.run_directory import Run
from tests.support import parquet_files
from tests.support.image_files import save, write_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 10, 1), dtype=np.uint8)
SIZE = (4, 5)


def spec(*shape):
    return [keras.InputSpec(dtype="float32", shape=(None, *shape), name="x")]


@pytest.mark.parametrize("axes", [3, 4])
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_arrays_of_bytes_are_stretched_as_in_training(tmp_path, name, axes):
    array = IMAGES if axes == 4 else IMAGES[..., 0]
    np.save(tmp_path / name, array) if name == "x.npy" else np.savez(tmp_path / name, train=array)
    rows = open_rows(str(tmp_path / name), spec(*SIZE, 1), stretch=True)
    wanted = as_floats(np.stack([resize(image, SIZE) for image in IMAGES]))
    np.testing.assert_array_equal(rows.read(3, 9)[0], wanted[3:9])
    trained = load(tmp_path / name, image_size=SIZE)
    np.testing.assert_array_equal(as_floats(trained.test), wanted[::10])


def test_data_sets_are_stretched_as_in_training():
    rows = open_rows("digits", spec(4, 6, 1), stretch=True)
    trained = load("digits", image_size=(4, 6))
    np.testing.assert_array_equal(rows.read(0, 9)[0], as_floats(trained.test[:9]))


@pytest.mark.parametrize(("shape", "size"), [((8, 11), (8, 8)), ((9, 4), (4, 4)), ((7, 6), (7, 2))])
def test_a_crop_is_that_of_keras(shape, size):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    wanted = keras.preprocessing.image.smart_resize(image, size)
    np.testing.assert_array_equal(resize(image, CropTo(size)), wanted)


def test_a_crop_keeps_shapes(tmp_path):
    """A disk in a wide image is a disk after the crop, and an ellipse without."""
    across = np.mgrid[:24, :36]
    disk = 255 * ((across[0] - 11.5) ** 2 + (across[1] - 17.5) ** 2 <= 64).astype(np.uint8)
    small = [resize(disk[..., None], size)[..., 0] > 127 for size in (CropTo((12, 12)), (12, 12))]
    assert [(part.any(1).sum(), part.any(0).sum()) for part in small] == [(8, 8), (8, 6)]


@pytest.mark.parametrize("name", ["x.npy", "photos", "digits"])
def test_every_program_crops_as_training_does(tmp_path, name):
    size = CropTo((4, 6))
    source = "digits" if name == "digits" else str(tmp_path / name)
    if name == "x.npy":
        np.save(source, IMAGES)
    if name == "photos":
        for number, image in enumerate(IMAGES[..., 0]):
            save(tmp_path / "photos" / f"{number:02}.png", image)
    rows = open_rows(source, spec(*size, 1), crop_to_aspect_ratio=True).read(0, 10)[0]
    trained = load(source, image_size=size, crop_to_aspect_ratio=True)
    every = as_floats(np.stack([resize(image, size) for image in IMAGES]))
    if name == "photos":
        np.testing.assert_array_equal(rows, every[:10])
        names = [f"{number:02}.png" for number in range(12)]
        read = compress._read(tmp_path / "photos", names, (4, 6, 1), crop_to_aspect_ratio=True)
        np.testing.assert_array_equal(as_floats(read), every)
        found = np.concatenate([trained.train, trained.test])
        assert {image.tobytes() for image in found} == {image.tobytes() for image in read}
    else:
        np.testing.assert_array_equal(as_floats(trained.test[:1]), rows[:1])


RUNS = {
    "as it is": ({}, {"stretch": False, "crop_to_aspect_ratio": False}),
    "stretched": ({"image_size": [4, 5]}, {"stretch": True, "crop_to_aspect_ratio": False}),
    "cropped": (
        {"image_size": [4, 5], "crop_to_aspect_ratio": True},
        {"stretch": False, "crop_to_aspect_ratio": True},
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_images_are_resized_as_in_the_run_unless_an_option_says_how(tmp_path, name):
    settings, wanted = RUNS[name]
    run = Run(tmp_path, {"settings": settings, "image_shape": [4, 5, 1]})
    assert choose_resizing(settings) == wanted
    for stretch in (True, False):
        found = choose_resizing(settings, stretch, not stretch)
        assert found == {"stretch": stretch, "crop_to_aspect_ratio": not stretch}
    with pytest.raises(UsageError, match="--stretch or --crop-to-aspect-ratio. Received: both"):
        choose_resizing(settings, True, True)
    np.save(tmp_path / "x.npy", IMAGES if settings else IMAGES[:, :4, :5])
    size = CropTo((4, 5)) if name == "cropped" else (4, 5)
    expected = np.stack([resize(image, size) for image in np.load(tmp_path / "x.npy")[::10]])
    np.testing.assert_array_equal(run.data(str(tmp_path / "x.npy")).test, expected)


def test_images_that_fit_are_read_as_they_are(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES / 255.0)
    rows = open_rows(str(tmp_path / "x.npy"), spec(8, 10, 1), stretch=True)
    np.testing.assert_array_equal(rows.read(0, 12)[0], as_floats(IMAGES))


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_bytes_of_0_and_1_are_refused_by_every_reader(tmp_path, name):
    """Of 255 levels, they would be next to black."""
    mask = (IMAGES > 127).astype(np.uint8)
    np.save(tmp_path / name, mask) if name == "x.npy" else np.savez(tmp_path / name, train=mask)
    path = str(tmp_path / name)
    readers = [
        lambda: load(path),
        lambda: open_rows(path, spec(8, 10, 1)),
        lambda: open_rows(path, spec(4, 5, 1), stretch=True),
    ]
    for read in [*readers, *([lambda: load(f"stream:{path}")] if name == "x.npy" else [])]:
        with pytest.raises(
            ValueError, match="from 0 to 255. Received: uint8 from 0 to 1 in .*x.np"
        ):
            read()
    black = np.zeros((3, 8, 10, 1), np.uint8)
    np.save(tmp_path / "black.npy", black)
    assert not open_rows(str(tmp_path / "black.npy"), spec(8, 10, 1)).read(0, 3)[0].any()


MASK = (IMAGES > 127).astype(np.uint8)


def folder_of_png(folder):
    for number, image in enumerate(MASK[..., 0]):
        save(folder / "photos" / f"{number}.png", image)
    return folder / "photos"


def folder_of_idx(folder):
    for name in ("train", "t10k"):
        write_idx(folder / f"{name}-images-idx3-ubyte", MASK[..., 0])
    return folder


def table_of(column):
    return lambda folder: parquet_files.write(folder / "x.parquet", image=column(MASK))


MASKS = {
    "folder": folder_of_png,
    "idx": folder_of_idx,
    "lists": table_of(parquet_files.lists),
    "png": table_of(parquet_files.png),
}


@pytest.mark.parametrize("scheme", ["", "stream:"])
@pytest.mark.parametrize("source", MASKS)
def test_files_of_0_and_1_are_refused_by_every_program(tmp_path, source, scheme):
    path = MASKS[source](tmp_path)
    message = "from 0 to 255. Received: uint8 from 0 to 1 in .*Multiply by 255"
    if source == "folder" or (source == "idx") != bool(scheme):
        with pytest.raises(UsageError, match=message):
            load(f"{scheme}{path}")
    with pytest.raises(UsageError, match=message):
        open_rows(str(path), spec(8, 10, 1))


def test_compress_refuses_images_of_0_and_1(tmp_path):
    folder = folder_of_png(tmp_path)
    with pytest.raises(UsageError, match="uint8 from 0 to 1 in .*photos"):
        compress._read(folder, ["0.png", "1.png"], (8, 10, 1), False)


def test_the_first_image_above_1_ends_the_check(tmp_path):
    read = []

    def image(number):
        read.append(number)
        return IMAGES[number]

    check_levels(StreamedImages(image, np.arange(12), IMAGES.shape[1:]), "x")
    assert read == [0]
    check_levels(np.zeros((600, 2, 2, 1), np.uint8), "black images")


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("size", [(8, 10), SIZE])
def test_bool_arrays_are_predicted_as_they_are_trained(tmp_path, name, size):
    array = IMAGES > 127
    np.save(tmp_path / name, array) if name == "x.npy" else np.savez(tmp_path / name, train=array)
    trained = load(tmp_path / name, image_size=size)
    rows = open_rows(str(tmp_path / name), spec(*size, 1), stretch=size == SIZE)
    np.testing.assert_array_equal(rows.read(0, 12)[0][::10], as_floats(trained.test))


def test_bool_series_are_predicted_as_they_are_trained(tmp_path):
    series = np.random.default_rng(0).random((9, 4, 2)) > 0.5
    np.savez(tmp_path / "s.npz", train=series, test=series)
    np.save(tmp_path / "s.npy", series)
    trained = load(f"series:{tmp_path / 's.npz'}")
    rows = open_rows(str(tmp_path / "s.npy"), spec(4, 2))
    np.testing.assert_array_equal(rows.read(0, 9)[0], trained.train)


def test_series_are_cut_into_the_windows_of_the_run(tmp_path):
    (tmp_path / "s.csv").write_text("".join(f"{n}.5,{n}.25\n" for n in range(40)))
    settings = {"window": 4, "stride": 2, "data_dir": None}
    name = f"series:{tmp_path / 's.csv'}"
    rows = open_rows(name, spec(4, 2), part="train", settings=settings)
    trained = load(name, window=4, stride=2)
    np.testing.assert_array_equal(rows.read(0, rows.count)[0], trained.train)


@pytest.mark.parametrize("settings", [{"window": 4, "stride": 2}, {"data_dir": "/nowhere"}])
def test_another_data_set_is_read_without_options_that_it_does_not_take(tmp_path, settings):
    run = Run(tmp_path, {"settings": {"data": "series:s.csv", **settings}})
    assert run.data("digits").image_shape == (8, 8, 1)


def test_a_data_dir_is_read_although_this_machine_has_the_data_too(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(fashion_mnist, "FASHION_MNIST_FOLDER", tmp_path)
    monkeypatch.setattr(fashion_mnist, "read_tfds", lambda *args: seen.append(args) or "data")
    assert fashion_mnist.read_fashion_mnist(data_dir=tmp_path / "D") == "data"
    assert seen == [("fashion_mnist", None, None, tmp_path / "D")]
