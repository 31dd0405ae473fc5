"""`keras-vae compress` and `decompress`: a folder of pictures there and back; what is refused."""

import json
import shlex
import shutil
import struct
import tracemalloc
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import keras_vae as kv
from keras_vae.compression.container import Container
from keras_vae.export.compress import compress, decompress
from keras_vae.export.image_names import read_note
from keras_vae.files.atomic import save_model
from keras_vae.training.data.resizing import CropTo, resize
from keras_vae.training.runs import run_directory
from tests.support.serving import run_program

pytestmark = pytest.mark.tensorflow
pytest.importorskip("constriction", reason="pip install keras-vae[compression]")

NAMES = ["a.png", "sub/b.png", "sub/c.jpg"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = kv.CompressiveAutoencoder(*kv.nets.dense((6, 5, 1), 4, hidden=(8,)), seed=0)
    model.decoder.layers[-2].bias.assign(np.full(30, 0.5))
    return str(save_model(model, tmp_path_factory.mktemp("run") / "model.keras"))


@pytest.fixture
def pictures(tmp_path):
    random, folder = np.random.default_rng(0), tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name in NAMES:
        Image.fromarray(random.integers(0, 256, (6, 5), "uint8")).save(folder / name)
    for junk in ("._a.png", ".DS_Store"):  # Of macOS, which training passes over too.
        (folder / junk).write_bytes(b"\0\5\x16\7")
    return folder


def test_a_folder_comes_back_as_the_model_reconstructs_it(run, pictures, tmp_path):
    file, again = tmp_path / "pictures.kvae", tmp_path / "again"
    assert compress(run, pictures, file) == 0
    assert decompress(run, file, again) == 0
    found = sorted(str(p.relative_to(again)) for p in again.rglob("*.png"))
    assert found == ["a.png", "sub/b.png", "sub/c.jpg.png"]
    model = keras.saving.load_model(run)
    for name, new in zip(NAMES, found, strict=True):
        x = np.asarray(Image.open(pictures / name))[None, ..., None] / np.float32(255)
        wanted = np.rint(255 * np.clip(np.asarray(model(x))[0, ..., 0], 0, 1))
        np.testing.assert_array_equal(np.asarray(Image.open(again / new)), wanted)
    with pytest.raises(FileExistsError, match="Expected a new FILE"):
        compress(run, pictures, file)
    with pytest.raises(FileExistsError, match="Expected a new FOLDER"):
        decompress(run, file, again)


def test_each_program_names_the_other_one(run, pictures, tmp_path):
    file, new = tmp_path / "it's my.kvae", tmp_path / "a new one"
    file.write_bytes(b"x")
    for program, other, path in (
        (compress, "decompress", file),
        (decompress, "compress", pictures),
    ):
        with pytest.raises(FileNotFoundError, match="a file. |a folder. ") as error:
            program(run, path, new)
        command = str(error.value).partition(" it: ")[2].removesuffix(")")
        assert shlex.split(command) == ["keras-vae", other, run, str(path), str(new)]
    for program in (compress, decompress):
        with pytest.raises(FileNotFoundError, match="which does not exist"):
            program(run, tmp_path / "no", tmp_path / "new")


# Two originals that would be one restored file: by suffix, by case, by the form of an accent, and
# a file where another has a folder.
SAME = [
    ("a.bmp", "a.bmp.png"),
    ("a.png", "A.PNG"),
    ("sub/Gro\u00df.jpg", "sub/GROSS.jpg"),
    ("e\u0301.png", "\u00e9.png"),
    ("a.gif", "a.gif.png/b.png"),
]


@pytest.mark.parametrize("names", SAME)
def test_two_pictures_that_would_be_restored_as_one_file_are_refused(run, tmp_path, names):
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((6, 5), "uint8")).save(tmp_path / "in" / name)
    with pytest.raises(ValueError, match="different names, in any case") as error:
        compress(run, tmp_path / "in", tmp_path / "new")
    assert all(name in str(error.value) for name in names)
    assert not (tmp_path / "new").exists()


def forged(run, names, count):
    """A file with a right checksum, as a stranger would send it."""
    note = zlib.compress(json.dumps(names).encode(), 9)
    model = keras.saving.load_model(run)
    whole = Container.from_bytes(kv.compression.compress(model, np.zeros((1, 6, 5, 1), "float32")))
    return Container(whole.model, whole.needed, count, note, whole.tables, whole.payload).to_bytes()


def test_a_small_file_cannot_claim_millions_of_images(run, tmp_path):
    file = tmp_path / "small.kvae"
    file.write_bytes(forged(run, ["a.png"], 3_000_000_000))
    assert len(file.read_bytes()) < 300
    with pytest.raises(ValueError, match="a name for each of 3,000,000,000 images. Received: 1"):
        decompress(run, file, tmp_path / "new")
    model = keras.saving.load_model(run)
    for read in (kv.compression.decompress, kv.compression.read_codes):
        with pytest.raises(ValueError, match="at most 1,073,741,824 bytes.*max_bytes"):
            read(model, file.read_bytes())


@pytest.mark.slow
def test_names_and_tables_that_unpack_to_gigabytes_are_refused(run):
    bomb = zlib.compress(b"[" + b" " * 100_000_000, 9)
    with pytest.raises(ValueError, match="without names"):
        read_note(bomb, 2**32 - 1)
    with pytest.raises(ValueError, match="Expected tables"):
        kv.compression.Tables.from_bytes(zlib.compress(struct.pack("<dI", 0, 1) + bytes(10**8), 9))


@pytest.mark.parametrize(
    ("note", "count", "megabytes"),
    [
        (b"[" + b" " * 60_000_000 + b']"', 3, 1),
        (b"[[]" + b",[]" * 3_000_000 + b"]", 3_000_001, 30),
        (b'["a"' + b',""' * 3_000_000 + b"]", 2**32 - 1, 90),
    ],
    ids=["blanks", "lists", "empty names"],
)
def test_a_forged_list_of_names_is_refused_before_it_takes_memory(note, count, megabytes):
    packed = zlib.compress(note)
    tracemalloc.start()
    with pytest.raises(ValueError, match="without names|a name for each of 4,294,967,295 images"):
        read_note(packed, count)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < megabytes * 1e6


def test_more_names_than_can_be_read_again_are_refused(run, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_vae.export.image_names.MAX_NAMES_BYTES", 30)
    with pytest.raises(ValueError, match="at most 30 bytes in all. Received: 3.*several smaller"):
        compress(run, pictures, tmp_path / "new")


@pytest.mark.parametrize("crop", [False, True])
def test_images_are_resized_as_by_predict(run, tmp_path, crop):
    """With the option, or because the run was trained so; and read as training reads them."""
    folder = tmp_path / "in"
    folder.mkdir()
    large = np.random.default_rng(0).integers(0, 256, (12, 15), "uint8")
    Image.fromarray(large).save(folder / "a.png")
    options = {"stretch": not crop, "crop_to_aspect_ratio": crop}
    compress(run, folder, tmp_path / "file", **options)
    decompress(run, tmp_path / "file", tmp_path / "out")
    shutil.copytree(Path(run).parent, tmp_path / "run")
    settings = {"image_size": [6, 5], "epochs": 1, "data": "x", "crop_to_aspect_ratio": crop}
    config = {"recipe": "x", "arguments": {}, "settings": settings, "image_shape": [6, 5, 1]}
    run_directory.write_config(tmp_path / "run", config)
    compress(str(tmp_path / "run"), folder, tmp_path / "file 2")
    assert (tmp_path / "file 2").read_bytes() == (tmp_path / "file").read_bytes()
    size = CropTo((6, 5)) if crop else (6, 5)
    x = resize(large[..., None], size)[None] / np.float32(255)
    wanted = np.rint(255 * np.clip(np.asarray(keras.saving.load_model(run)(x)), 0, 1))[0, ..., 0]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "a.png")), wanted)


def test_pictures_are_read_as_in_training(run, tmp_path):
    """Upright, and on white: the restored picture is that of the model's own reconstruction."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5), "uint8")
    exif = Image.Exif()
    exif[0x0112] = 6
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(np.rot90(pixels).copy()).save(folder / "turned.png", exif=exif)
    clear = np.dstack([np.zeros((6, 5), "uint8"), np.where(pixels > 99, 255, 0).astype("uint8")])
    Image.fromarray(clear, "LA").save(folder / "clear.png")
    compress(run, folder, tmp_path / "file")
    decompress(run, tmp_path / "file", tmp_path / "out")
    model = keras.saving.load_model(run)
    for name, seen in {"turned": pixels, "clear": 255 - clear[..., 1]}.items():
        x = seen[None, ..., None] / np.float32(255)
        wanted = np.rint(255 * np.clip(np.asarray(model(x))[0, ..., 0], 0, 1))
        np.testing.assert_array_equal(
            np.asarray(Image.open(tmp_path / "out" / f"{name}.png")), wanted
        )


def test_an_eps_file_named_png_is_refused(run, tmp_path):
    """Pillow would start Ghostscript for it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 6\n")
    with pytest.raises(ValueError, match="cannot identify image file"):
        compress(run, tmp_path / "in", tmp_path / "new")


def test_a_damaged_file_leaves_no_folder(run, pictures, tmp_path):
    file = tmp_path / "pictures.kvae"
    compress(run, pictures, file)
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ValueError, match="truncated or altered"):
        decompress(run, file, tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png",
        "/evil.png",
        ".png",
        ".PNG",
        "a/.png",
        "a/../../evil.png",
        "..\\evil.png",
        "",
        "a\0.png",
    ],
)
def test_names_that_lead_out_of_the_folder_or_are_none_are_refused(name):
    with pytest.raises(ValueError, match="leads out of it|Expected names of files"):
        read_note(zlib.compress(json.dumps(["good.png", name]).encode()), 2)


def test_a_name_that_is_too_long_once_restored_is_refused_before_the_work(run, tmp_path):
    (tmp_path / "in").mkdir()
    for name in (f"{247 * 'a'}.jpg", f"{251 * 'b'}.png", f"{251 * 'c'}.bmp"):
        Image.fromarray(np.zeros((6, 5), "uint8")).save(tmp_path / "in" / name)
    with pytest.raises(ValueError, match=r"at most 255 bytes.*259, with \.png, for c+\.bmp"):
        compress(run, tmp_path / "in", tmp_path / "new")
    assert not (tmp_path / "new").exists()


# As macOS names its screenshots, and other characters that Python does not print.
@pytest.mark.parametrize(
    "name", ["at 1.00.00\u202fPM.png", "a\u00a0b.png", "\u200b.png", "a\\b.png"]
)
def test_names_of_any_characters_come_back(run, pictures, tmp_path, name):
    (pictures / "a.png").rename(pictures / name)
    compress(run, pictures, tmp_path / "file")
    decompress(run, tmp_path / "file", tmp_path / "out")
    assert (tmp_path / "out" / name).is_file()


@pytest.mark.parametrize("name", ["a\nb.png", "a\x1bb.png", "a\u2028b.png", "\udcff.png"])
def test_names_that_could_not_be_restored_are_refused_before_the_work(
    run, pictures, tmp_path, monkeypatch, name
):
    (pictures / "a.png").rename(pictures / name)
    monkeypatch.setattr(run_directory.Run, "model", None)
    with pytest.raises(ValueError, match="Expected names of files.*Rename it"):
        compress(run, pictures, tmp_path / "file")


def test_pictures_of_another_size_and_files_that_are_none_are_refused(run, pictures, tmp_path):
    Image.fromarray(np.zeros((7, 5), "uint8")).save(pictures / "z.png")
    with pytest.raises(
        ValueError, match=r"Expected images of 6x5x1, .*: 7x5x1 in .*z\.png\. \(Add --stretch"
    ):
        compress(run, pictures, tmp_path / "new")
    (pictures / "z.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"Expected a whole PNG.* Received: .*z\.png"):
        compress(run, pictures, tmp_path / "new")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="Expected images.*0 other files"):
        compress(run, tmp_path / "empty", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_bad_input_is_exit_code_2_and_help_needs_no_model(tmp_path):
    done = run_program("-m", "export.compress", tmp_path / "no", tmp_path, tmp_path / "new")
    assert done.returncode == 2 and "Expected a run directory" in done.stderr
    assert run_program("-m", "export.compress", "--help").returncode == 0


def test_the_benchmark_counts_the_bytes_of_the_whole_file(run):
    from benchmarks.compression import rate_and_distortion

    images = np.random.default_rng(2).integers(0, 256, (50, 6, 5, 1), "uint8")
    model = keras.saving.load_model(run)
    found = rate_and_distortion(model, images)
    blob = kv.compression.compress(model, images / np.float32(255))
    assert found["bytes"] == len(blob)
    assert found["bits a pixel"] == pytest.approx(8 * len(blob) / 1500)
    wanted = np.rint(255 * np.clip(np.asarray(model(images / np.float32(255))), 0, 1))
    error = np.mean((images - wanted) ** 2) / 255**2
    assert found["PSNR of mean error, dB"] == pytest.approx(-10 * np.log10(error), abs=1e-6)
