"""Which data can be trained on, and in which order do they come?

`loading` opens a data set by name with one of `sources`; `splits` and `binarization` say which
images train, choose and measure a model; `batches` and `order` make the batches of an epoch.
"""
