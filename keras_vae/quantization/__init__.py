"""Vectors to integers and back.

`quantizers` has a learned codebook and fixed levels; `kmeans` gives a codebook its start.
"""
