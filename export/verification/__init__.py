"""How near is an exported file to the Keras model, and how fast is it?

`measurement` runs files and model on the same rows, `judge` compares the answers with tolerances,
`report` prints the table, `artifacts` recognizes files, and `integrity` records their hashes.
"""
