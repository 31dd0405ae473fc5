"""One picture is the same pixels in every reader: training, prediction, compression, the server."""

import io
import struct
import zlib

import keras
import numpy as np
import pytest
from PIL import Image

from keras_vae.export import compress
from keras_vae.training.data.loading import load
from keras_vae.training.data.sources.contents import image_from_bytes
from keras_vae.training.prediction.rows import open_rows

pytestmark = pytest.mark.tensorflow
tf = pytest.importorskip("tensorflow")

SHAPE = (16, 24, 3)
UP = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
ALPHA = np.random.default_rng(1).integers(0, 256, SHAPE[:2], np.uint8)
# Blocks of 8x8 pixels of one color, which JPEG keeps.
BLOCKS = np.kron(UP[:2, :3], np.ones((8, 8, 1), np.uint8))
# How the stored picture is made of the upright one, for each orientation in the EXIF standard.
STORED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, 1),
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: np.rot90(x, -1),
}


def encode(array, kind="PNG", mode=None, **options):
    file = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array.copy())
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


def exif(orientation, order="<"):
    """EXIF data by hand: header, one entry of type SHORT, end."""
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    mark = b"II" if order == "<" else b"MM"
    return b"Exif\0\0" + mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


def on_white(pixels, alpha):
    share = alpha[..., None].astype("float64") / 255
    return pixels * share + 255 * (1 - share)


def palette():
    """Three colors, one of them clear."""
    image = Image.fromarray((UP[..., 0] % 3).astype(np.uint8), "P")
    image.putpalette([10, 200, 30, 40, 50, 60, 0, 0, 0])
    image.info["transparency"] = 2
    return image


def png(depth, color, rows, **chunks):
    """A PNG file by hand: bits per channel, type of color, rows of bytes, further chunks."""
    head = struct.pack(">IIBBBBB", SHAPE[1], SHAPE[0], depth, color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    parts = [(b"IHDR", head), *((k.encode(), v) for k, v in chunks.items()), (b"IDAT", data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in [*parts, (b"IEND", b"")]
    )


FOUR_BITS = UP[..., 0] // 16


def nibbles(values):
    return values[:, ::2] * 16 + values[:, 1::2]


COLORS = np.array([[10, 200, 30], [40, 50, 60], [255, 255, 255]], "float64")
GREY = UP[..., :1]
# The pixels of each file, written by hand, and by how many levels a reader may differ.
CASES = {
    "png": (encode(UP), UP, 0),
    "alpha": (encode(np.dstack([UP, ALPHA])), on_white(UP, ALPHA), 1),
    "grey": (encode(GREY[..., 0]), np.repeat(GREY, 3, -1), 0),
    "grey alpha": (encode(np.dstack([GREY, ALPHA]), mode=None), on_white(GREY, ALPHA), 1),
    "palette": (encode(palette()), COLORS[UP[..., 0] % 3], 0),
    "one bit": (encode(UP[..., 0] > 127), 255.0 * (UP[..., :1] > 127), 0),
    "four bits": (png(4, 0, nibbles(FOUR_BITS)), 17.0 * FOUR_BITS[..., None], 0),
    "a clear grey": (
        png(8, 0, UP[..., 0], tRNS=struct.pack(">H", 7)),
        np.where(GREY == 7, 255, GREY),
        0,
    ),
    "a clear color": (
        png(8, 2, UP.reshape(16, -1), tRNS=struct.pack(">HHH", *UP[0, 0])),
        np.where((UP == UP[0, 0]).all(-1, keepdims=True), 255, UP),
        0,
    ),
    "jpeg": (encode(BLOCKS, "JPEG", quality=100, subsampling=0), BLOCKS, 3),
    "grey jpeg": (encode(BLOCKS[..., 0], "JPEG", quality=100), BLOCKS[..., :1], 3),
    "damaged exif": (encode(UP, exif=b"Exif\0\0MM\0*\0\0\xff\xff"), UP, 0),
    "no exif": (encode(UP, exif=b"Exif\0\0nothing"), UP, 0),
} | {
    f"{kind} {order} {orientation}": (
        encode(stored(what), kind, exif=exif(orientation, order), **options),
        what,
        tolerance,
    )
    for orientation, stored in STORED.items()
    for kind, order, what, options, tolerance in (
        ("PNG", ">", UP, {}, 0),
        ("JPEG", "<", BLOCKS, {"quality": 100, "subsampling": 0}, 3),
    )
}
# Kinds that the server refuses, as the operations of TensorFlow decode them in other ways.
NOT_SERVED = {
    "bmp": (encode(UP, "BMP"), UP, 0),
    "gif": (encode(palette(), "GIF"), COLORS[UP[..., 0] % 3], 0),
    "webp": (encode(UP, "WEBP", lossless=True), UP, 0),
    "cmyk": (encode(BLOCKS, "JPEG", "CMYK", quality=100, subsampling=0), BLOCKS, 4),
}
# 16 bits of each kind of color in the PNG standard. Pillow gives the high bytes of all but the
# first: 0 to 3 of a camera of 10 bits.
SIXTEEN = {
    kind: png(16, kind, np.repeat(UP[..., [0]], 2 * channels, -1).reshape(16, -1))
    for kind, channels in {0: 1, 2: 3, 4: 2, 6: 4}.items()
}


def folder_of(tmp_path, content):
    """Two copies, since a source needs one to test on; the kind is read from the content."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def predicted(folder):
    rows = open_rows(str(folder), [keras.InputSpec(shape=(None, *SHAPE), name="x")])
    return np.rint(255 * rows.read(0, 1)[0][0])


READERS = {
    "training": lambda folder: load(folder).train[0],
    "stream": lambda folder: np.asarray(load(f"stream:{folder}").train)[0],
    "predict": predicted,
    "compress": lambda folder: compress._read(folder, ["a.png"], SHAPE, False)[0],
    "table": lambda folder: image_from_bytes((folder / "a.png").read_bytes(), (), "a table"),
}


@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def served(file):
    from keras_vae.export.saved_model.image_graph import decode_image

    return decode_image(file, SHAPE)


@pytest.mark.parametrize("name", [*CASES, *NOT_SERVED])
def test_a_picture_is_the_same_in_every_reader(tmp_path, name):
    content, wanted, tolerance = (CASES | NOT_SERVED)[name]
    folder = folder_of(tmp_path, content)
    found = {reader: read(folder).astype("float64") for reader, read in READERS.items()}
    for reader, pixels in found.items():
        assert np.abs(pixels - wanted).max() <= tolerance, reader
        np.testing.assert_array_equal(pixels + np.zeros(SHAPE), found["predict"], reader)
    if name in CASES:
        np.testing.assert_array_equal(served(content).numpy(), found["predict"])


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_photo_in_jpeg_is_the_same_for_the_server_to_the_bit(tmp_path, subsampling, channels):
    """Decoded by the accurate method, and made grey from its colors."""
    from keras_vae.export.saved_model.image_graph import decode_image
    from keras_vae.training.data.image_files import MODES, read_image

    smooth = Image.fromarray(UP).resize((24, 16), Image.Resampling.BICUBIC, (0, 0, 9, 6))
    content = encode(smooth, "JPEG", quality=80, subsampling=subsampling)
    (tmp_path / "a.jpg").write_bytes(content)
    wanted = read_image(tmp_path / "a.jpg", MODES[channels], None)
    found = decode_image(tf.constant(content), (*SHAPE[:2], channels)).numpy()
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    "content, message",
    [(NOT_SERVED[name][0], "Expected a PNG or JPEG") for name in ("bmp", "gif", "webp")]
    + [
        (NOT_SERVED["cmyk"][0], "8 bits per channel, in grey or RGB"),
        (png(4, 0, nibbles(FOUR_BITS), tRNS=struct.pack(">H", 7)), "8 bits per channel"),
        *((content, "8 bits per channel, in grey or RGB") for content in SIXTEEN.values()),
        (encode(UP[:8]), "Expected an image of 16x24"),
        (encode(UP, exif=exif(6)), "Expected an image of 16x24"),
        (encode(UP)[:40], "."),
        (b"\x89PNG", "Expected a PNG or JPEG"),
        (b"", "Expected a PNG or JPEG"),
        (encode(BLOCKS, "JPEG")[:30], "Invalid JPEG data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_server_cannot_decode_as_in_training_is_refused(content, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served(content)


def test_a_png_that_unpacks_to_gigabytes_is_refused_by_its_header():
    """60,000 x 60,000 pixels claimed by 60 bytes; nothing that large is decoded."""
    content = bytearray(encode(UP))
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Received:.*60000"):
        served(bytes(content))


@pytest.mark.parametrize("kind", SIXTEEN)
def test_16_bits_are_refused_by_every_reader(tmp_path, kind):
    folder = folder_of(tmp_path, SIXTEEN[kind])
    for reader, read in READERS.items():
        with pytest.raises(ValueError, match="more than 8 bits"):
            assert read(folder) is None, reader


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [8193, 12_000, 60_000])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, side):
    content = bytearray(encode(UP))
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    folder = folder_of(tmp_path, bytes(content))
    for reader, read in READERS.items():
        with pytest.raises(ValueError, match="(?i)pixels.*"):
            assert read(folder) is None, reader


def test_an_eps_file_named_png_starts_no_program(tmp_path):
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 6\n"
    folder = folder_of(tmp_path, content)
    for reader, read in READERS.items():
        with pytest.raises(ValueError, match="cannot identify image file"):
            assert read(folder) is None, reader
