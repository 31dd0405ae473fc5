"""Peers of the comparison: each file trains or decodes in a child process, a unit at a time.

All train the same network on the same images, with the same optimizer and batch size; see
`benchmarks.network`.
"""
