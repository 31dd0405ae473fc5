"""Examples to compressed bytes and back, by the codes of a model."""

from typing import Any

import numpy as np

from keras_vae.acceleration.batching import CompiledMap, predict_checked
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.compression import coder
from keras_vae.compression.container import INLINE, Container, digest
from keras_vae.compression.tables import Tables, check_tables, count_tables, require_tables
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments, objects
from keras_vae.validation.value_checks import check_weights

# Largest result without asking for more: a file of a hundred bytes can claim any number of images.
MAX_BYTES = 1 << 30


def compress(
    model: LatentModel,
    x: Any,
    step: float | None = None,
    tables: Tables | None = None,
    note: bytes = b"",
) -> bytes:
    """Compress examples to bytes; `decompress` returns about `reconstruct(x)`.

    Example:
        >>> blob = keras_vae.compression.compress(model, images, step=0.5)
        >>> again = keras_vae.compression.decompress(model, blob)

    Args:
        model: A trained model; best a `CompressiveAutoencoder`, `VQVAE` or `FSQ`.
        x: Examples, `(count, *event_shape)`, or a source of batches of them.
        step: Only for codes of real numbers, which are rounded to multiples of it.
        tables: From `fit_tables`, and needed again to decompress: for few examples, whose own
            table would be longer than they. None puts the table of these examples into the bytes.
        note: Bytes of your own to keep with them, such as file names; see `read_note`.

    Returns:
        A file: magic, version, digest of the model, tables or their digest, codes, checksum.

    Raises:
        ValueError: If the examples do not fit the model, a step is missing or out of range, or
            the tables are of another model.
        TypeError: If the model is no autoencoder or takes more than one array, or another argument
            has another type.
        ImportError: If `constriction` is not installed: pip install "keras-vae[compression]".
    """
    if not isinstance(note, bytes | bytearray | memoryview):
        raise UsageTypeError(
            f"Expected note of bytes. Received: note={note!r}. (Of text: note.encode().)"
        )
    if tables is not None and step is None:
        step = require_tables(tables).step or None
    symbols, contexts = _symbols(model, x, step)
    used = tables or _tables(symbols, contexts, step)
    check_tables(used, contexts.max() + 1)
    if used.step != (step or 0.0):
        raise UsageError(
            f"Expected the step of the tables, {used.step:g}. Received: step={step!r}."
        )
    payload = coder.encode(symbols, contexts, used)
    own = (INLINE, used.to_bytes()) if tables is None else (used.digest(), b"")
    needed, inline = own
    return Container(digest(model), needed, len(symbols), bytes(note), inline, payload).to_bytes()


def decompress(
    model: LatentModel,
    blob: bytes,
    tables: Tables | None = None,
    max_bytes: int = MAX_BYTES,
) -> np.ndarray:
    """Decompress the bytes of `compress`, float32 `(count, *event_shape)`.

    The codes are exact on every machine; decoded examples differ in the last digits of float32.

    Example:
        >>> blob = keras_vae.compression.compress(model, images, step=0.5)
        >>> keras_vae.compression.decompress(model, blob).shape
        (64, 28, 28, 1)

    Args:
        model: The one that compressed them.
        blob: From `compress`.
        tables: Those that `compress` was given, or None if it was given none.
        max_bytes: Largest size in memory of the codes and of the examples; 1 GiB by default.

    Raises:
        ValueError: If the bytes are truncated or altered, of another version, model or tables, or
            the result is larger than `max_bytes`.
        TypeError: If an argument has another type, such as the path of a file.
    """
    _check_model(model)
    _check_size(read_count(blob), 4 * int(np.prod(model.event_shape)), max_bytes)
    codes = read_codes(model, blob, tables, max_bytes)
    return CompiledMap(model, model.decode).predict(codes, verbose=0)


def read_count(blob: bytes) -> int:
    """Return the number of examples that the bytes of `compress` claim to hold.

    Errors are those of `decompress`.

    Example:
        >>> blob = keras_vae.compression.compress(model, images, step=0.5)
        >>> keras_vae.compression.read_count(blob)
        64
    """
    return Container.from_bytes(blob).count


def read_codes(
    model: LatentModel,
    blob: bytes,
    tables: Tables | None = None,
    max_bytes: int = MAX_BYTES,
) -> np.ndarray:
    """Return the exact codes in the bytes of `compress`, as `decode` takes them.

    Arguments and errors are those of `decompress`; the result is `(count, *latent_shape)`.

    Example:
        >>> blob = keras_vae.compression.compress(model, images, step=0.5)
        >>> keras_vae.compression.read_codes(model, blob).shape
        (64, 16)
    """
    _check_model(model)
    parts = Container.from_bytes(blob)
    if parts.model != digest(model):
        raise UsageError(
            f"Expected the model that compressed the file. Received: a {type(model).__name__} of "
            "another configuration or other weights. (Load the .keras file of that time; training "
            "on makes another model.)"
        )
    if tables is not None and parts.needed == INLINE:
        raise UsageError(
            "Expected no tables: the file holds its own. Received: "
            f"{require_tables(tables).digest().hex()}. (Leave tables out.)"
        )
    used = Tables.from_bytes(parts.tables) if parts.needed == INLINE else tables
    if used is not None:
        require_tables(used)
    if used is None or (parts.needed != INLINE and used.digest() != parts.needed):
        raise UsageError(
            f"Expected the tables that the file was compressed with, {parts.needed.hex()}. "
            f"Received: {'none' if used is None else used.digest().hex()}. (Pass tables=...)"
        )
    contexts = _contexts(model)
    check_tables(used, contexts.max() + 1)
    _check_size(parts.count, 8 * len(contexts), max_bytes)
    symbols = coder.decode(parts.payload, parts.count, contexts, used)
    return _codes(model, symbols, used.step)


def _check_size(count: int, size: int, max_bytes: int) -> None:
    """Raise ValueError if `count` examples of `size` bytes take more than `max_bytes`."""
    if count * size > arguments.integer("max_bytes", max_bytes, 0):
        raise UsageError(
            f"Expected a file that takes at most {max_bytes:,} bytes of memory. Received: one of "
            f"{count:,} examples, which take {count * size:,}. (If you trust the file, pass "
            "max_bytes=...)"
        )


def fit_tables(model: LatentModel, x: Any, step: float | None = None) -> Tables:
    """Fit tables to the codes of many examples, to compress files of few examples.

    Arguments and errors are those of `compress`.

    Example:
        >>> tables = keras_vae.compression.fit_tables(model, train, step=0.5)
        >>> blob = keras_vae.compression.compress(model, test[:1], tables=tables)
    """
    return _tables(*_symbols(model, x, step), step)


def codes_of(model: LatentModel, x: Any, step: float | None = None) -> np.ndarray:
    """Return the codes that `compress` stores, as `decode` takes them, `(count, *latent_shape)`.

    Arguments and errors are those of `compress`.

    Example:
        >>> keras_vae.compression.codes_of(model, images, step=0.5).shape
        (64, 16)
    """
    symbols, _ = _symbols(model, x, step)
    return _codes(model, symbols, step)


def _codes(model: LatentModel, symbols: np.ndarray, step: float | None) -> np.ndarray:
    """Return integers `(count, positions)` as `decode` takes them."""
    codes = symbols.reshape(len(symbols), *model.latent_shape)
    return (codes * step if step else codes).astype(model.latent_dtype)


def _tables(symbols: np.ndarray, contexts: np.ndarray, step: float | None) -> Tables:
    values = [symbols[:, contexts == context] for context in range(contexts.max() + 1)]
    return count_tables(values, float(step or 0.0))


def _symbols(model: LatentModel, x: Any, step: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the integers of the codes of x, `(count, positions)`, and their contexts."""
    _check_model(model)
    if getattr(model, "conditional", False):
        raise UsageTypeError(
            "Expected a model of one array. Received: one of pairs, whose second part is no code."
        )
    check_weights(model)
    _check_step(model, step)
    codes = predict_checked(CompiledMap(model, model.encode), model, x)
    codes = codes.reshape(len(codes), -1)
    if step is not None:
        codes = np.round(codes.astype("float64") / step)
        if not np.abs(codes).max() < 2**31:
            raise UsageError(f"Expected codes within 2^31 steps. Received: step={step!r}.")
    return codes.astype("int64"), _contexts(model)


def _check_model(model: LatentModel) -> None:
    objects.autoencoder(model, Autoencoder)


def _check_step(model: LatentModel, step: float | None) -> None:
    if step is not None:
        arguments.real("step", step)
    real = model.latent_dtype == "float32"
    if real != (step is not None) or (step is not None and not 0 < step < np.inf):
        wanted = "a step above 0 for codes of real numbers" if real else "no step for integer codes"
        hint = " (For instance step=0.5.)" if real else ""
        raise UsageError(f"Expected {wanted}. Received: step={step!r}.{hint}")


def _contexts(model: LatentModel) -> np.ndarray:
    """Return the table of each position: its element or channel, or its codebook."""
    positions = int(np.prod(model.latent_shape))
    # An index of a whole example has no axis.
    tables = model.codebooks if hasattr(model, "codebooks") else model.latent_shape[-1]
    return np.arange(positions) % tables
