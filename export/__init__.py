"""The programs you run to deploy: versioned SavedModels, server files, verification.

Nothing here imports TensorFlow at import time, and some programs never do. Not part of the wheel.
"""
