"""Files that are whole or absent, and are never replaced by accident.

`atomic` writes single files, `folders` writes whole folders, and `hashed_json` reads and writes
JSON objects that carry a hash of themselves. Nothing here imports Keras.
"""
