"""The writer of .pt2 files, PyTorch's exported programs, for models of the PyTorch backend.

Each endpoint is a program of ATen ops, which takes its inputs by name.

1. `conversion` traces an endpoint with `torch.export`.
2. `files` adds the metadata and the SHA-256, and reads them without PyTorch.
3. `writer` loads each file again, compares it with the model, and puts it in place.
"""
