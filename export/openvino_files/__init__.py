"""The writer of OpenVINO files: an intermediate representation (IR) for each endpoint.

A file of ONNX becomes a pair of an .xml file, the graph, and a .bin file, the weights. What holds
for ONNX files holds for these: `onnx_files.building` makes and compares both.

1. `representation` lets OpenVINO convert a file of ONNX in memory, and asks the pair.
2. `files` adds the metadata and the SHA-256 of both files, and reads them.
3. `writer` puts the pairs into a new folder.
"""
