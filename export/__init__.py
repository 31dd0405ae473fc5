"""Programs for deployment: versioned SavedModels, files for servers, verification.

Nothing here imports TensorFlow at import time, and some programs never do.
"""
