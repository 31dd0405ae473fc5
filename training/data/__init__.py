"""Data sets by name, and the batches of an epoch.

`loading` opens a data set by name with one of `sources`; `splits` and `binarization` say which
images train, choose and measure a model; `batches` and `order` make the batches of an epoch.
"""
