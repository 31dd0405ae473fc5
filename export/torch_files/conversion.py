"""Conversion of an endpoint to a program of PyTorch."""

import contextlib
import inspect
import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_vae.base.endpoint import Endpoint, WholeNumbers
from keras_vae.errors import UnavailableError, UsageError
from keras_vae.export.endpoints import float32_policy
from keras_vae.export.onnx_files.answers import Run
from keras_vae.typing import LatentModel

# PyTorch takes a dimension of size 1 for a constant while it traces.
TRACED_ROWS = 2
# What a program keeps of the source that it was made of, with the paths of this machine.
TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn")


def convert(model: LatentModel, name: str, endpoint: Endpoint, batch_size: int | None) -> Any:
    """Return an endpoint as a `torch.export.ExportedProgram` of named inputs.

    Args:
        model: The built model.
        name: Name of the endpoint.
        endpoint: The endpoint.
        batch_size: The batch size; None for any.

    Raises:
        ValueError: If PyTorch cannot trace it.
    """
    import torch

    class Program(torch.nn.Module):
        def forward(self, **inputs: Any) -> dict[str, Any]:
            for spec in endpoint.inputs:
                if isinstance(spec, WholeNumbers):
                    _refuse_other_numbers(inputs[spec.name], spec)
            return endpoint.answer(*(inputs[spec.name] for spec in endpoint.inputs))

    names = ["self", *(spec.name for spec in endpoint.inputs)]
    parameters = [inspect.Parameter(one, inspect.Parameter.POSITIONAL_OR_KEYWORD) for one in names]
    Program.forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    rows = batch_size or TRACED_ROWS
    inputs = {s.name: _ones(s, rows) for s in endpoint.inputs}
    size = {0: torch.export.Dim("batch", min=1)} if batch_size is None else None
    shapes = dict.fromkeys(inputs, size)
    try:
        with float32_policy(model), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                Program().eval(), (), kwargs=inputs, dynamic_shapes=shapes, strict=False
            )
    except Exception as error:  # PyTorch raises many kinds.
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        fixed = "give batch_size, or " if "batch" in str(error) and batch_size is None else ""
        raise UsageError(
            f"Expected an endpoint that torch.export can trace. Received: {name}, {line[:300]} "
            f"({fixed}leave this endpoint out, or export ONNX.)"
        ) from error
    for node in program.graph.nodes:
        for key in TRACES:
            node.meta.pop(key, None)
    return program


def _ones(spec: Any, rows: int) -> Any:
    import torch

    return torch.from_numpy(np.ones((rows, *spec.shape[1:]), spec.dtype))


def _refuse_other_numbers(values: Any, spec: WholeNumbers) -> None:
    """Add a check to the program that a tensor has the whole numbers that it may have."""
    import torch

    right = (values >= 0) & (values < spec.count) & (values == torch.trunc(values))
    text = f"Expected {spec.name} of whole numbers from 0 to {spec.count - 1}."
    torch.ops.aten._assert_async.msg(right.all(), text)
    if spec.some:
        some = (values.reshape(values.shape[0], -1) > 0).any(1).all()
        torch.ops.aten._assert_async.msg(some, f"Expected a number above 0 in {spec.name}.")


def open_program(content: bytes) -> Run:
    """Return a function that asks the content of a .pt2 file for its outputs.

    The function raises RuntimeError if PyTorch does not answer.
    """
    import torch

    module = torch.export.load(io.BytesIO(content)).module()

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        tensors = {key: torch.from_numpy(np.ascontiguousarray(x)) for key, x in inputs.items()}
        with torch.no_grad(), _told():
            return {name: value.detach().numpy() for name, value in module(**tensors).items()}

    return run


@contextlib.contextmanager
def _told() -> Any:
    try:
        yield
    except Exception as error:  # Guards and ops raise many kinds.
        raise UnavailableError(f"Expected PyTorch to answer. Received: {error}") from error
