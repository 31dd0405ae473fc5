"""What a .tflite file may contain: builtin ops without state or randomness, nothing else."""

import struct
from typing import Any

# Random numbers differ from runtime to runtime, so such a file cannot be compared with anything.
RANDOM = ("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "MULTINOMIAL", "STABLEHLO_RNG_BIT_GENERATOR")
# Weights that are read from a variable are not in the file: it would answer with zeros.
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")

FILE_IDENTIFIER = b"TFL3"


def refuse_unrunnable(content: bytes) -> None:
    """Raise ValueError if a .tflite needs more than a device has, or answers differently each time.

    Args:
        content: The bytes of the file.

    Raises:
        ValueError: If these are not the bytes of a .tflite, or it has a Flex or other custom op (no
            interpreter of 2026 has Flex), a random op, or an op on variables.
    """
    bad = unrunnable_ops(content)
    if bad:
        raise ValueError(
            f"Expected builtin ops without state or randomness. Received: {', '.join(bad)}: "
            f"{'; '.join(sorted({_why(name) for name in bad}))}. "
            "(Replace the layer that needs them; docs/export.md lists the layers that convert.)"
        )


def unrunnable_ops(content: bytes) -> list[str]:
    """Names of the ops for which `refuse_unrunnable` refuses a file, sorted."""
    return sorted({name for name in op_names(content) if _why(name)})


def op_names(content: bytes) -> list[str]:
    """Names of the ops that a .tflite uses, such as "CONV_2D", "FlexErf" or "custom:Mine"."""
    builtin = {v: k for k, v in vars(schema().BuiltinOperator).items() if isinstance(v, int)}
    return [_name(code, builtin) for code in unpacked(content).operatorCodes]


def unpacked(content: bytes, name: object = "bytes") -> Any:
    """The file as the objects of its schema, `ModelT`; an error says its `name`."""
    try:
        if content[4:8] != FILE_IDENTIFIER:
            raise ValueError(f"no identifier {FILE_IDENTIFIER.decode()}")
        return schema().ModelT.InitFromPackedBuf(content, 0)
    except (ValueError, TypeError, AttributeError, IndexError, struct.error) as error:
        raise ValueError(
            f"Expected a whole .tflite file. Received: {name}, {len(content)} bytes that are not: "
            f"{error}."
        ) from error


def packed(model: Any) -> bytes:
    """The bytes of a file from the objects of its schema."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def schema() -> Any:
    """The module that knows the format of .tflite files."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise ImportError(
            "Expected the package ai-edge-litert, which checks what is exported. "
            "(pip install 'keras-vae[litert]')"
        ) from error
    return schema_py_generated


def _name(code: Any, builtin: dict[int, str]) -> str:
    custom = code.customCode.decode() if code.customCode else ""
    if custom:
        return custom if custom.startswith("Flex") else f"custom:{custom}"
    # Ops up to 127 are in the old, one-byte field, which later ops set to 127.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return builtin.get(number, f"custom:number {number}")


def _why(name: str) -> str:
    if name.startswith(("Flex", "custom:")):
        return "a device has builtin ops only"
    if name in RANDOM:
        return "the answer would be another one each time"
    return "weights would not be in the file" if name in VARIABLES else ""
