"""The precision in which the layers of a new model compute."""

from typing import Any, Literal, get_args

from keras_vae.errors import UsageError

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


def use(precision: Precision) -> None:
    """Set the precision of all models that are made from now on; weights stay float32.

    Args:
        precision: The name of a Keras dtype policy.

    Raises:
        ValueError: If the device cannot multiply such numbers.
    """
    import keras

    if precision not in get_args(Precision):
        raise UsageError(f"Expected a precision of {get_args(Precision)}. Received: {precision!r}.")
    keras.config.set_dtype_policy(precision)
    dtype = keras.config.dtype_policy().compute_dtype
    try:
        _probe(dtype)
    except Exception as error:  # Each backend has errors of its own for what a device lacks.
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"Expected a device that computes in {dtype}, for --precision {precision}. Received: "
            f"one that does not ({first[:200]}). (Leave --precision out.)"
        ) from error


def _probe(dtype: str) -> Any:
    """Run a convolution and a product of matrices, the operations of most networks."""
    from keras import ops

    image = ops.conv(
        ops.ones((1, 4, 4, 2), dtype),
        ops.ones((3, 3, 2, 4), dtype),
        padding="same",
        data_format="channels_last",
    )
    return ops.convert_to_numpy(ops.cast(ops.matmul(image, image), "float32"))
