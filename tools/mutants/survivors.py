"""Survivors of the mutation run that no test can or should kill, each with the reason."""

_ROWS = "It changes how many rows are computed at a time, and no result depends on that."
_DIGITS = "It changes the result by less than 6e-8 of it, half the precision of float32."
_ARRAYS = "TensorFlow takes variables for tensors."
_FIRST = "Only the first of what is found is used."

REASONS: dict[str, str] = {
    "keras_vae/backend/common.py: random_state: `np.zeros(0, 'uint8')` -> `np.ones(0, 'uint8')`": (
        "Both are empty."
    ),
    "keras_vae/checkpointing/files.py: _arrays: `np.dtype(entry['dtype'])` -> `entry['dtype']`": (
        "NumPy takes the name of a dtype for the dtype."
    ),
    "keras_vae/checkpointing/state.py: assign: `zip(wanted, found, strict=False)` -> "
    "`zip(wanted, found)`": "It is the default.",
    "keras_vae/distributions/__init__.py: get: `1` -> `2`": _FIRST,
    "keras_vae/distributions/choices.py: by_uniform: `ops.cast(reached, 'int32')` -> `reached`": (
        "Keras sums booleans as whole numbers."
    ),
    "keras_vae/distributions/__init__.py: get: `difflib.get_close_matches(str(identifier), "
    "FAMILIES, n=1)` -> `difflib.get_close_matches(str(identifier), FAMILIES)`": _FIRST,
    "keras_vae/estimators/codes.py: _posterior_parameters: `1` -> `2`": _ROWS,
    "keras_vae/estimators/likelihood.py: module: `50000000` -> `50000001`": _ROWS,
    "keras_vae/losses/weights.py: _are_equal: `isinstance(value, numbers.Real) and isinstance("
    "before, numbers.Real)` -> "
    "`isinstance(value, numbers.Real) or isinstance(before, numbers.Real)`": (
        "A schedule or a controller is equal to no number."
    ),
    "keras_vae/quantization/code_use.py: CodeUse.__init__: "
    "`super().__init__(name=name, dtype='float32')` -> `super().__init__(name=name)`": (
        "It is the default, but under another policy of precision."
    ),
    "keras_vae/quantization/code_use.py: CodeUse.result: `ops.convert_to_tensor(self.counts)` -> "
    "`self.counts`": _ARRAYS,
    "keras_vae/quantization/grouped.py: GroupedResidualVectorQuantizer.adapt: `zip(self.parts, "
    "np.split(vectors, self.groups, axis=1), strict=True)` -> "
    "`zip(self.parts, np.split(vectors, self.groups, axis=1))`": "There is a part for each group.",
    "keras_vae/quantization/sim_vq.py: SimVectorQuantizer.lookup: "
    "`ops.convert_to_tensor(self.codebook)` -> `self.codebook`": _ARRAYS,
    "keras_vae/quantization/quantizers.py: FiniteScalarQuantizer.lookup: `ops.convert_to_tensor("
    "np.array(self.levels, 'int32'))` -> `np.array(self.levels, 'int32')`": (
        "TensorFlow takes arrays for tensors. PyTorch does not: `make test-backends`."
    ),
    "keras_vae/distributions/special.py: langevin.series: `945.0` -> `946.0`": _DIGITS,
    "keras_vae/metrics/probes.py: linear_probe: `2000` -> `2001`": (
        "The optimizer ends long before."
    ),
}
