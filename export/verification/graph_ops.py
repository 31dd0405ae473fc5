"""The ops of a SavedModel that run when it is loaded and asked, read without TensorFlow.

A SavedModel is a program: TensorFlow has ops that write files and open connections. The ops in
`pure_ops.txt` compute from their inputs and the weights, and can do nothing else.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError
from keras_vae.export.serving.wire import fields

# Ops that set the weights when a file is loaded.
RESTORING = {"RestoreV2", "AssignVariableOp", "LookupTableImportV2"}
# Other names under which TensorFlow looks for a graph, some of them first.
OTHER_GRAPHS = ("saved_model.cpb", "saved_model.pbtxt")
# Numbers of fields, from saved_model.proto, meta_graph.proto, graph.proto, function.proto,
# node_def.proto, attr_value.proto and saver.proto.
META_GRAPHS, GRAPH, SAVER, COLLECTIONS, SIGNATURES = 2, 2, 3, 4, 5
NODES, LIBRARY, FUNCTIONS = 1, 2, 1
FUNCTION_SIGNATURE, FUNCTION_NODES = 1, 3
NAME, OP, INPUT, ATTRIBUTE = 1, 2, 3, 5
LIST, FUNCTION, LIST_FUNCTIONS = 1, 10, 9
RESTORE_OP = 3

Node = tuple[str, list[str], set[str]]  # Op, inputs, and functions that it calls.


def refuse_impure(folder: Path) -> None:
    """Raise ValueError if loading or asking a SavedModel would run ops that are not pure."""
    other = [name for name in OTHER_GRAPHS if (folder / name).exists()]
    if other:
        raise UsageError(f"Expected one graph, saved_model.pb, in {folder}. Received: {other[0]}.")
    loading, asking = run_ops((folder / "saved_model.pb").read_bytes())
    bad = sorted((loading - pure_ops() - RESTORING) | (asking - pure_ops()))
    if bad:
        raise UsageError(
            "Expected a SavedModel of ops that compute only. Received: the op(s) "
            f"{', '.join(bad)} in {folder}, which may read or write files. (Do not load this file "
            "unless you know where it is from; keras_vae writes no such ops.)"
        )


@functools.cache
def pure_ops() -> frozenset[str]:
    """Return the names of the ops that compute from their inputs and the weights only."""
    return frozenset((Path(__file__).parent / "pure_ops.txt").read_text().split())


def run_ops(saved_model: bytes) -> tuple[set[str], set[str]]:
    """Return the ops that run when a serialized `SavedModel` is loaded, and when it is asked."""
    loading: set[str] = set()
    asking: set[str] = set()
    for meta_graph in _all(saved_model, META_GRAPHS):
        parts = [(number, value) for number, value in fields(meta_graph)]
        graph = b"".join(value for number, value in parts if number == GRAPH)
        functions = {
            _text(_first(function, FUNCTION_SIGNATURE), NAME): [
                _node(node)[1] for node in _all(function, FUNCTION_NODES)
            ]
            for library in _all(graph, LIBRARY)
            for function in _all(library, FUNCTIONS)
        }
        nodes = dict(_node(node) for node in _all(graph, NODES))
        first = [_text(saver, RESTORE_OP) for number, saver in parts if number == SAVER]
        served: list[str] = []
        for number, entry in parts:
            if number == SIGNATURES:
                to = first if _text(entry, 1).startswith("__") else served
                to += _names(_first(entry, 2), nodes)
            if number == COLLECTIONS:  # Initializers of older files.
                first += _names(_first(entry, 2), nodes)
        loading |= _follow_nodes(first, nodes, functions)
        asking |= _follow_nodes(served, nodes, functions)
    return loading, asking


def _follow_nodes(
    roots: Iterable[str], nodes: dict[str, Node], functions: Mapping[str, list[Node]]
) -> set[str]:
    """Return the ops that the nodes `roots` need, with those of all functions that they call."""
    found, waiting, seen = [], [_node_name(root) for root in roots], set()
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in seen:
            seen.add(name)
            found.append(nodes[name])
            waiting += map(_node_name, nodes[name][1])
    ops: set[str] = set()
    called: set[str] = set()
    while found:
        op, _, calls = found.pop()
        new = ({op, *calls} & functions.keys()) - called  # A function may be called as an op.
        called |= new
        found += [node for name in new for node in functions[name]]
        ops |= {op} - functions.keys()
    return ops


def _node(message: bytes) -> tuple[str, Node]:
    """Return the name of a serialized `NodeDef`, and what of it is needed here."""
    parts = list(fields(message))
    text = {number: value.decode() for number, value in parts if number in (NAME, OP)}
    inputs = [value.decode() for number, value in parts if number == INPUT]
    calls: set[str] = set()
    for number, entry in parts:
        if number == ATTRIBUTE:
            value = _first(entry, 2)
            calls |= {_text(function, NAME) for function in _all(value, FUNCTION)}
            for several in _all(value, LIST):
                calls |= {_text(function, NAME) for function in _all(several, LIST_FUNCTIONS)}
    return text.get(NAME, ""), (text.get(OP, ""), inputs, calls)


def _names(message: bytes, nodes: Mapping[str, Node]) -> list[str]:
    """Return all names of nodes that occur anywhere in a message, such as "decode_z:0"."""
    found: list[str] = []
    for _, value in _fields_or_none(message):
        if isinstance(value, bytes):
            if value and _node_name(value.decode(errors="replace")) in nodes:
                found.append(value.decode())
            else:
                found += _names(value, nodes)
    return found


def _fields_or_none(message: bytes) -> list[tuple[int, Any]]:
    try:
        return list(fields(message))
    except ValueError:  # Text, not a message.
        return []


def _node_name(text: str) -> str:
    """Return the node of an input or tensor, such as "a" of "^a" and of "a:1"."""
    return text.removeprefix("^").partition(":")[0]


def _all(message: bytes, wanted: int) -> Iterator[bytes]:
    return (value for number, value in fields(message) if number == wanted)


def _first(message: bytes, wanted: int) -> bytes:
    return next(_all(message, wanted), b"")


def _text(message: bytes, wanted: int) -> str:
    return _first(message, wanted).decode()
