"""How do vectors become integers and come back?

`quantizers` has a learned codebook and fixed levels; `kmeans` gives a codebook its start.
"""
