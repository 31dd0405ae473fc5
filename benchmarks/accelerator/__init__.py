"""Benchmark of training on an accelerator: this package on JAX, next to PyTorch.

`plan` has the rows, `row` measures one in a process of its own, with the training of `jax_training`
or `torch_training` and the busy time of `busy`. `results` keeps rows in a file, and `__main__` goes
through them. It needs JAX, PyTorch and Keras, and no other package.
"""
