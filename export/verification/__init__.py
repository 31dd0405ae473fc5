"""The comparison of exported files with the Keras model: errors, latency, verdict.

`measurement` runs files and model on the same rows, `judge` compares the answers with tolerances,
`report` prints the table, `artifacts` recognizes files, and `integrity` records their hashes.
"""
