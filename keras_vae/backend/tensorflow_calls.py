"""Networks that are called outside of graphs, compiled at their first call.

Keras runs a network layer by layer from Python, and an LSTM step by step. That takes up to 600
times as long as the ops themselves for one row.
"""

import itertools
import operator
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_vae.backend import tensorflow_kernels
from keras_vae.backend.keras_private import flatten_layers
from keras_vae.validation.finite_rows import nan_unless_finite

# Names under which Keras keeps weights and settings that have a property.
PRIVATE = {"_kernel", "_activation", "_dtype_policy"}

compiles_networks = True

# Of one owner, with different settings.
MOST_FUNCTIONS = 8

_known: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
# Reentrant: a layer may call another network outside of the graph that is being made.
_lock = threading.RLock()


def call_network(network: Any, inputs: Any, training: bool) -> Any:
    """Return `network(inputs, training=training)`, compiled at the first call.

    It is compiled once for all numbers of rows, and again once an attribute of one of its layers
    was set. Weights are read at each call. Rows that are not finite are NaN. Training, graphs and
    strategies have calls that are not compiled here.

    Args:
        network: A built layer or model.
        inputs: Arrays or tensors as the network takes them, the first axis of each free.
        training: Whether layers such as dropout are active.
    """
    return network(inputs, training=True) if training else _call(network, None, inputs)


def call_method(layer: Any, name: str, *inputs: Any) -> Any:
    """Return what a method of a layer returns for `inputs`, compiled as in `call_network`."""
    return _call(layer, name, inputs)


def call_function(
    function: Callable[..., Any], owner: Any, settings: Hashable, *inputs: Any
) -> Any:
    """Return `function(owner, *inputs)`, compiled at the first call.

    It is compiled once for all numbers of rows, and once for each of a few settings. What graphs
    cannot run is called as it is.

    Args:
        function: A pure function, which does not refer to the owner otherwise.
        owner: An object that does not change.
        settings: What else the function depends on.
        inputs: Arrays or tensors, the first axis of each free.
    """
    if not (_is_eager(list(inputs)) and _is_hashable(settings)):
        return function(owner, *inputs)
    tensors = [tf.convert_to_tensor(part) for part in inputs]
    key = (settings, *((part.dtype, *part.shape[1:]) for part in tensors))
    known = _known.setdefault(owner, {})
    if key not in known:
        with _lock:
            if key not in known:  # Another thread may have been faster.
                known[key] = _compile_function(function, owner, tensors)
            for oldest in list(known)[:-MOST_FUNCTIONS]:
                known.pop(oldest)
    # None too where another thread has just removed it.
    return _run(known.get(key), tensors, lambda: function(owner, *inputs))


def _is_hashable(settings: Any) -> bool:
    try:
        hash(settings)
    except TypeError:  # An array or a tensor in place of a number.
        return False
    return True


def _run(compiled: Any, tensors: list[tf.Tensor], call: Callable[[], Any]) -> Any:
    """Return what a compiled function returns, or without one what `call` returns."""
    if compiled is None:
        return call()
    try:
        return compiled(tensors)
    except tf.errors.InvalidArgumentError:  # Ops one by one have shorter messages.
        return call()


def _compile_function(function: Callable[..., Any], owner: Any, tensors: list[tf.Tensor]) -> Any:
    reference = weakref.ref(owner)
    specs = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in tensors]
    graph = tf.function(
        lambda *given: function(reference(), *given), input_signature=specs, autograph=False
    )
    return _compile(graph)


def _compile(graph: Any) -> Any:
    """Return what calls `graph` with a list of tensors; None if it cannot be compiled."""
    try:
        return _without_signature(graph.get_concrete_function())
    except Exception:  # Whatever Python does with values, graphs have none.
        return None


def _call(layer: Any, name: str | None, inputs: Any) -> Any:
    """Call the method `name` of a layer, or without a name the layer itself."""
    parts = keras.tree.flatten(inputs)
    if not _is_eager(parts):
        return _call_plainly(layer, name, inputs)
    tensors = [tf.convert_to_tensor(part) for part in parts]
    shapes = tuple((part.dtype, *part.shape[1:]) for part in tensors)
    key = (name, type(inputs), shapes)
    known = _known.setdefault(layer, {})
    calls = known.get(key)
    if calls is None or calls.gone or calls.state != calls.state_now():
        with _lock:
            if known.get(key) is calls:  # And not that of another thread.
                known[key] = _Calls(layer, name)
            calls = known[key]
    if calls.function is None and not calls.fails:
        calls.compile(layer, inputs, shapes)
    return _run(calls.function, tensors, lambda: _call_plainly(layer, name, inputs))


def _call_plainly(layer: Any, name: str | None, inputs: Any) -> Any:
    return layer(inputs, training=False) if name is None else getattr(layer, name)(*inputs)


def _is_eager(parts: list[Any]) -> bool:
    """Return whether all are arrays with values and rows, outside of graphs and strategies."""
    return (
        tf.executing_eagerly()
        and not tf.config.functions_run_eagerly()
        and not tf.distribute.has_strategy()
        and all(isinstance(part, tf.Tensor) or _is_array(part) for part in parts)
        and all(len(part.shape) > 0 for part in parts)
    )


def _is_array(part: Any) -> bool:
    return type(part).__module__ == "numpy" and part.dtype.kind in "fiub"


class _Calls:
    """The calls of a layer, or of one method of it, with inputs of one shape.

    Attributes:
        state: What the attributes of the layers were.
        gone: Attributes of then that are no more: others may have their identities.
        function: The compiled function of a list of tensors, after the first call.
        fails: Whether the network cannot be compiled.
    """

    def __init__(self, layer: Any, name: str | None) -> None:
        self._name = name
        self._layers = [(weakref.ref(part), _settings(part)) for part in flatten_layers(layer)]
        self.note_state()
        self.function: Any = None
        self.fails = False

    def note_state(self) -> None:
        """Note what the attributes of the layers are now."""
        self.gone: list[Any] = []
        values = list(self._attributes() or ())
        self.state = tuple(map(id, values))
        self._kept = [_keep(value, self.gone.append) for value in values]

    def state_now(self) -> tuple[int, ...] | None:
        """Return the identities of all attributes; None if one is gone."""
        values = self._attributes()
        return None if values is None else tuple(map(id, values))

    def _attributes(self) -> Iterator[Any] | None:
        try:
            parts = [values(layer().__dict__) for layer, values in self._layers]
        except (KeyError, AttributeError):
            return None
        return itertools.chain.from_iterable(parts)

    def compile(self, layer: Any, inputs: Any, shapes: tuple) -> None:
        """Compile the calls for all numbers of rows."""
        reference = weakref.ref(layer)

        def function(*tensors: Any) -> Any:
            given = keras.tree.pack_sequence_as(inputs, list(tensors))
            return nan_unless_finite(given, _call_plainly(reference(), self._name, given), None)

        specs = [tf.TensorSpec((None, *shape), dtype) for dtype, *shape in shapes]
        graph = tf.function(function, input_signature=specs, autograph=False)
        with _lock, tensorflow_kernels.use_in_calls(layer):
            if self.function is None and not self.fails:
                self.function = _compile(graph)
                self.fails = self.function is None
        self.note_state()


def _without_signature(function: Any) -> Callable[[list[tf.Tensor]], Any]:
    """Return what calls a concrete function with tensors of its dtypes and shapes.

    `function(...)` compares them with the signature again, which takes longer than a small network.
    """
    flat = getattr(function, "_call_flat", None)
    if flat is None:  # It is not public.
        return lambda tensors: function(*tensors)
    return lambda tensors: flat(tensors, function.captured_inputs)


def _keep(value: Any, note: Callable[[Any], None]) -> Any:
    """Return what keeps numbers and strings, and notes when another object is gone.

    Another object is not kept: it may refer to the layer.
    """
    parts = value if type(value) is tuple else (value,)
    if all(isinstance(part, int | float | str | np.generic) for part in parts):
        return value
    try:
        return weakref.ref(value, note)
    except TypeError:  # None, and containers.
        return None


def _settings(layer: Any) -> Callable[[dict[str, Any]], tuple]:
    """Return what reads the attributes that a layer computes with."""
    names = [name for name in layer.__dict__ if not name.startswith("_") or name in PRIVATE]
    return operator.itemgetter(*names, "_tracker")
