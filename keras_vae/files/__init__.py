"""How are files written so that they are whole or absent, and never replaced by accident?

`atomic` writes single files, `folders` writes whole folders, and `hashed_json` reads and writes
JSON objects that carry a hash of themselves. Nothing here imports Keras.
"""
