"""The runtimes in which an exported file can run, and their answers.

`registry` lists the runtimes, `worker` is the process that each of them runs in, `cpp_loader` and
`c_api` load SavedModels by TensorFlow's C++ code, and `arrays` passes arrays between processes.
"""
