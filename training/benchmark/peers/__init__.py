"""What is compared: each file is a child process that trains or decodes, one unit when told to.

All train the same network on the same images, with the same optimizer and batch size; see
`training.benchmark.network`.
"""
