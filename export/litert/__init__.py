"""The writer of .tflite files: its steps, and what each of them refuses.

The pipeline of `writer`, step by step:

1. `export.calibration` chooses example rows, for int8 and for the comparison.
2. `conversion` runs TensorFlow's converter in a process of its own (`converter_process`,
   `converter`), because it may crash; `graph_ops` and `constants` prepare the graph before it.
3. `allowed_ops` refuses files with ops that the runtime does not have.
4. `answers` runs the file on the same rows as the model; `comparison` and `tolerances` of
   `export.verification` refuse differences.
5. `metadata` is added to the file: shapes, ranges, labels, errors.

| refused | where |
|---|---|
| unknown option, format or endpoint | `export.writers` |
| a quantization without calibration data, wrong `io` | `litert.writer` |
| an op without a builtin kernel | `litert.conversion`, `litert.allowed_ops` |
| a file that differs from the model | `export.verification.tolerances` |
"""
