"""The ops that a .tflite file may contain: builtin ops without state or randomness."""

import struct
from typing import Any

from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.export.litert.unpack_limits import limit_unpacking

# Random numbers differ between runtimes, so a file that draws them cannot be verified.
RANDOM = ("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "MULTINOMIAL", "STABLEHLO_RNG_BIT_GENERATOR")
# The weights of variables are not in the file, so it would compute with zeros.
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")

FILE_IDENTIFIER = b"TFL3"
# Errors of the schema in Python for damaged files.
DAMAGED = (
    *(ValueError, TypeError, AttributeError, IndexError, struct.error),
    *(AssertionError, OverflowError, RecursionError),
)


def refuse_unrunnable(content: bytes) -> None:
    """Raise ValueError if a .tflite has ops that a device cannot run or repeat.

    Args:
        content: The bytes of the file.

    Raises:
        ValueError: If these are not the bytes of a .tflite, or it has a custom op, a random op, or
            an op on variables. Flex ops are custom ops: no interpreter of 2026 has them.
    """
    bad = unrunnable_ops(content)
    if bad:
        raise UsageError(
            f"Expected builtin ops without state or randomness. Received: {', '.join(bad)}: "
            f"{'; '.join(sorted({_reason(name) for name in bad}))}. "
            "(Replace the layer that needs them. keras-vae check says what a model exports to.)"
        )


def unrunnable_ops(content: bytes) -> list[str]:
    """Return the names of the ops that `refuse_unrunnable` refuses, sorted."""
    return sorted({name for name in op_names(content) if _reason(name)})


def op_names(content: bytes) -> list[str]:
    """Return the names of the ops of a .tflite, such as "CONV_2D", "FlexErf" or "custom:Mine"."""
    builtin = {v: k for k, v in vars(schema().BuiltinOperator).items() if isinstance(v, int)}
    return [_op_name(code, builtin) for code in unpack(content).operatorCodes]


def unpack(content: bytes, name: object = "bytes") -> Any:
    """Return the file as the objects of its schema, `ModelT`; an error mentions `name`."""
    try:
        if content[4:8] != FILE_IDENTIFIER:
            raise ValueError(f"no identifier {FILE_IDENTIFIER.decode()}")
        with limit_unpacking(schema(), len(content)):
            return schema().ModelT.InitFromPackedBuf(content, 0)
    except DAMAGED as error:
        raise UsageError(
            f"Expected a whole .tflite file. Received: {name}, {len(content)} bytes that are not: "
            f"{error}."
        ) from error


def pack(model: Any) -> bytes:
    """Return the bytes of a file from the objects of its schema."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def schema() -> Any:
    """Import and return the module with the schema of .tflite files."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise MissingExtraError(
            "Expected the package ai-edge-litert, which checks what is exported. "
            "(pip install 'keras-vae[litert]')"
        ) from error
    return schema_py_generated


def _op_name(code: Any, builtin: dict[int, str]) -> str:
    custom = code.customCode.decode() if code.customCode else ""
    if custom:
        return custom if custom.startswith("Flex") else f"custom:{custom}"
    # Numbers up to 127 are in an older one-byte field, which is 127 for larger ones.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return builtin.get(number, f"custom:number {number}")


def _reason(name: str) -> str:
    if name.startswith(("Flex", "custom:")):
        return "a device has builtin ops only"
    if name in RANDOM:
        return "the answer would be another one each time"
    return "weights would not be in the file" if name in VARIABLES else ""
