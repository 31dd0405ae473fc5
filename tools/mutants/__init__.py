"""Mutation run: how many small faults in the core of the library do its tests notice?

`operators` makes the faults, `targets` says which tests must notice them, `server` runs these tests
in a fork that imports the mutated module, and `__main__` is the program behind `make mutants`.

Why a program of our own: TensorFlow takes six seconds to import and starts threads at its first op.
cosmic-ray 8 rewrites the file and starts a process for each mutant, so 235 mutants would spend half
an hour on imports. mutmut 3 forks, but only after it has run all tests once in the process that
forks, and a fork has none of the threads that these tests started. It also replaces methods by
functions of `*args`, which `RecordedInit`, Keras, and `tf.function` inspect.
"""
