"""Image files to pixels in a TensorFlow graph, as `keras_vae.training.data.image_files` does.

PNG and JPEG files only: the operations of TensorFlow decode other kinds differently for grey and
color models. Size and kind are read from the header, before anything is decoded.
"""

from typing import Any

import numpy as np

from keras_vae.typing import Tensor

ORIENTATION, LONG = 0x0112, 4
EXIF = r"\C*(eXIf|Exif\x00\x00)\C*"
HEAD = 26  # Bytes up to the type of color of a PNG file.
# First byte and number of bytes of the fields of the head: the mark of PNG files and of their first
# chunk, width, height, bits and type of color, and the mark of JPEG files.
_PLACES = ((0, 4), (12, 4), (16, 4), (20, 4), (24, 1), (25, 1), (0, 3))
_FIELDS = np.zeros((len(_PLACES), HEAD), np.int64)
for _row, (_start, _count) in zip(_FIELDS, _PLACES, strict=True):
    _row[_start : _start + _count] = 256 ** np.arange(_count)[::-1]
# Largest numbers of segments of a file and of EXIF entries that are looked at.
MOST_SEGMENTS, MOST_ENTRIES = 4096, 256
SPARE = 12 * MOST_ENTRIES + 16  # Zeros behind the file, so that reads past its end are harmless.


def decode_image(file: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Decode one image file to uint8 of `shape`: upright, and with 1 or 3 channels on white.

    Args:
        file: A string tensor of rank 0.
        shape: Height, width and channels: 1, 3, or 4 with the alpha channel as it is.

    Raises:
        InvalidArgumentError: In the graph, if the file is of another kind or size, has 16 bits in
            one channel, or has the colors of print (CMYK).
    """
    import tensorflow as tf

    header = _Header(file)
    turned = header.orientation >= 5
    size = tf.where(turned, header.size[::-1], header.size)
    checks = [
        tf.debugging.Assert(
            header.is_png | header.is_jpeg, ["Expected a PNG or JPEG file in image_bytes."]
        ),
        tf.debugging.Assert(
            header.is_known,
            ["Expected 8 bits per channel, in grey or RGB. Received: another kind."],
        ),
        tf.debugging.Assert(
            tf.reduce_all(size == shape[:2]),
            [f"Expected an image of {shape[0]}x{shape[1]} (height x width). Received:", size],
        ),
    ]
    with tf.control_dependencies(checks):
        file = tf.identity(file)
    rgba = tf.cond(
        header.is_png,
        lambda: tf.cond(
            header.is_low_grey,  # The operation spreads these to 8 bits for one channel only.
            lambda: _opaque(tf.repeat(tf.io.decode_png(file, channels=1), 3, -1)),
            lambda: tf.io.decode_png(file, channels=4),
        ),
        lambda: _opaque(
            tf.io.decode_jpeg(file, channels=3, fancy_upscaling=True, dct_method="INTEGER_ACCURATE")
        ),
    )
    pixels = _turn(_with_channels(rgba, shape[2]), header.orientation)
    return tf.ensure_shape(pixels, shape)


def _opaque(rgb: Tensor) -> Tensor:
    import tensorflow as tf

    return tf.concat([rgb, tf.fill(tf.concat([tf.shape(rgb)[:2], [1]], 0), np.uint8(255))], -1)


def _with_channels(rgba: Tensor, channels: int) -> Tensor:
    """Put the pixels on white and make them grey if wanted, with the integers of Pillow."""
    import tensorflow as tf

    if channels == 4:
        return rgba
    values = tf.cast(rgba, tf.int32)
    color, alpha = values[..., :3], values[..., 3:]
    mixed = (color * alpha + 255 * (255 - alpha)) * 128 + 128 * 128
    rgb = (mixed // 256 + mixed) // 256 // 128
    if channels == 1:
        weights = tf.constant([19595, 38470, 7471])
        rgb = (tf.reduce_sum(rgb * weights, -1, keepdims=True) + 2**15) // 2**16
    return tf.cast(rgb, tf.uint8)


def _turn(image: Tensor, orientation: Tensor) -> Tensor:
    """Apply the orientation of EXIF data, 1 to 8."""
    import tensorflow as tf

    def is_one_of(*numbers: int) -> Tensor:
        return tf.reduce_any(orientation == tf.constant(numbers, tf.int64))

    def turn() -> Tensor:
        turned = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        turned = tf.where(is_one_of(2, 3, 6, 7), turned[:, ::-1], turned)
        return tf.where(is_one_of(3, 4, 7, 8), turned[::-1], turned)

    return tf.cond(orientation > 1, turn, lambda: image)


class _Header:
    """The header of an image file, from its bytes.

    Attributes:
        is_png: Whether it is a PNG file.
        is_jpeg: Whether it is a JPEG file.
        is_known: Whether it has at most 8 bits per channel, and is grey or RGB.
        is_low_grey: Whether it is a grey PNG file of less than 8 bits.
        size: Height and width as they are stored, int32 `(2,)`.
        orientation: 1 to 8; 1 if there is none, or the EXIF data are damaged.
    """

    def __init__(self, file: Tensor) -> None:
        import tensorflow as tf

        self._file, self._length = file, tf.cast(tf.strings.length(file), tf.int64)
        padded = tf.strings.join([file, tf.constant(b"\0" * HEAD)])
        head = tf.io.decode_raw(tf.strings.substr(padded, 0, HEAD), tf.uint8)
        numbers = tf.reduce_sum(tf.cast(head, tf.int64) * _FIELDS, -1)
        png, ihdr, width, height, depth, color, jpeg = tf.unstack(numbers)
        self.is_png = (png == 0x89504E47) & (ihdr == 0x49484452)
        self.is_jpeg = jpeg == 0xFFD8FF
        png_size = tf.cast(tf.stack([height, width, 3]), tf.int32)
        shape = tf.cond(self.is_jpeg, lambda: tf.io.extract_jpeg_shape(file), lambda: png_size)
        self.size = shape[:2]
        is_grey = color == 0
        self.is_low_grey = self.is_png & is_grey & (depth < 8)
        # Most files have no EXIF data, and are not searched segment by segment.
        searched = self.is_low_grey | tf.strings.regex_full_match(file, EXIF)
        self.orientation, clear = tf.cond(
            searched, self._search, lambda: (_int64(1), tf.constant(False))
        )
        # The operation of TensorFlow takes the high bytes of 16 bits. Of grey files of less than 8
        # bits, it loses the color that is transparent.
        png_is_known = (depth == 8) | ((depth < 8) & ~(is_grey & clear))
        jpeg_is_known = (shape[2] == 1) | (shape[2] == 3)
        self.is_known = tf.where(self.is_png, png_is_known, jpeg_is_known)

    def _search(self) -> tuple[Tensor, Tensor]:
        """Return the orientation, and whether a color is named as transparent."""
        import tensorflow as tf

        padded = tf.strings.join([self._file, tf.constant(b"\0" * SPARE)])
        self._bytes = tf.io.decode_raw(padded, tf.uint8)
        walked = tf.cond(self.is_png, self._walk_png, lambda: (_int64(0), self._walk_jpeg()))
        color, exif = walked
        return tf.where(exif > 0, self._read_orientation(exif), 1), color > 0

    def _number(self, start: Any, count: int, big: Any = True) -> Tensor:
        """Return an unsigned integer of the bytes from `start`; 0 behind the end of the file."""
        import tensorflow as tf

        start = tf.clip_by_value(tf.cast(start, tf.int64), 0, self._length)
        values = tf.cast(self._bytes[start : start + count], tf.int64)
        values = tf.where(big, values, values[::-1])
        weights = tf.constant([256**place for place in reversed(range(count))], tf.int64)
        return tf.reduce_sum(values * weights)

    def _walk_png(self) -> tuple[Tensor, Tensor]:
        """Return where a transparent color is named and where EXIF data start, 0 if nowhere."""
        import tensorflow as tf

        def step(place: Tensor, color: Tensor, exif: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            name = self._number(place + 4, 4)
            return (
                place + 12 + self._number(place, 4),
                tf.where(name == 0x74524E53, place, color),  # tRNS
                tf.where((name == 0x65584966) & (exif == 0), place + 8, exif),  # eXIf
            )

        _, color, exif = tf.while_loop(
            lambda place, *_: place < self._length,
            step,
            (_int64(8), _int64(0), _int64(0)),
            maximum_iterations=MOST_SEGMENTS,
        )
        return color, exif

    def _walk_jpeg(self) -> Tensor:
        """Return where the EXIF data start: 0 if there are none."""
        import tensorflow as tf

        def step(place: Tensor, exif: Tensor) -> tuple[Tensor, Tensor]:
            marker = self._number(place, 2)
            is_exif = (marker == 0xFFE1) & (self._number(place + 4, 6) == 0x457869660000)
            # A marker may begin with more than one byte 255.
            after = tf.where(marker == 0xFFFF, place + 1, place + 2 + self._number(place + 2, 2))
            return after, tf.where(is_exif & (exif == 0), place + 10, exif)

        _, exif = tf.while_loop(
            lambda place, _: (
                (place < self._length)
                & (self._number(place, 1) == 255)
                & (self._number(place, 2) != 0xFFDA)
            ),  # The pixels start.
            step,
            (_int64(2), _int64(0)),
            maximum_iterations=MOST_SEGMENTS,
        )
        return exif

    def _read_orientation(self, start: Tensor) -> Tensor:
        """Return the orientation in the EXIF data from `start`, 1 if it is none."""
        import tensorflow as tf

        big = self._number(start, 2) == 0x4D4D
        is_exif = (big | (self._number(start, 2) == 0x4949)) & (
            self._number(start + 2, 2, big) == 42
        )
        place = tf.clip_by_value(start + self._number(start + 4, 4, big), 0, self._length)
        count = tf.minimum(self._number(place, 2, big), MOST_ENTRIES)
        entries = tf.reshape(self._bytes[place + 2 : place + 2 + 12 * MOST_ENTRIES], (-1, 12))
        entries = tf.cast(entries[:count], tf.int64)
        one, other = entries[:, 0::2], entries[:, 1::2]
        pairs = tf.where(big, 256 * one + other, 256 * other + one)
        last = (pairs[:, 1] == LONG) & big
        values = tf.where(last, pairs[:, 5], pairs[:, 4])
        found = tf.boolean_mask(values, pairs[:, 0] == ORIENTATION)
        value = tf.concat([found, tf.constant([1], tf.int64)], 0)[0]
        return tf.where(is_exif & (value >= 1) & (value <= 8), value, 1)


def _int64(value: int) -> Tensor:
    import tensorflow as tf

    return tf.constant(value, tf.int64)
