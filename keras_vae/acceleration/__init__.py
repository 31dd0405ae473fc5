"""Everything that makes training and the verbs of a model fast.

`compile_fast` chooses how `fit` runs, `compiled` compiles the verbs of a trained model once, and
`batching` applies a function to many rows in batches of one size.
"""
