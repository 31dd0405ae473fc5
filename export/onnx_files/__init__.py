"""The writer of ONNX files: its steps, and what each of them refuses.

A file of ONNX has one graph, so each endpoint is a file of its own. One graph for all of them would
have the inputs of all, and a runtime wants a value for each. Every file has its weights inside:
ONNX Runtime Web and phones load one file.

1. `export.calibration` chooses example rows, for int8 and for the comparison.
2. `conversion` traces an endpoint and lets tf2onnx convert the graph; it names layers in errors.
3. `quantization` makes weights, or weights and activations, integers of 8 bits.
4. `answers` runs the file in ONNX Runtime on the same rows as the model; `comparison` and
   `tolerances` of `export.verification` refuse differences. `building` is these steps in order,
   for OpenVINO files too.
5. `metadata` is added to the file: shapes, ranges, labels, errors, and the SHA-256.

| refused | where |
|---|---|
| unknown option, format or endpoint | `export.writers` |
| a quantization without calibration data | `export.calibration` |
| an op without a counterpart in ONNX | `onnx_files.conversion` |
| a file that needs another file, another library of ops, or random numbers | `onnx_files.files` |
| a file that differs from the model | `export.verification.tolerances` |
"""
