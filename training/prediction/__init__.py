"""Predictions of all rows of a large source, in files that can be resumed.

`rows` reads the source, `shard_writer` predicts and writes, `shards` reads the files again, and
`beam_pipeline` does the same with the workers of Apache Beam.
"""
