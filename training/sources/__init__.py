"""The places that images come from, one file each; every reader returns a `Data`."""

# These names win over folders that are called the same.
BUILT_IN = ("digits", "fashion_mnist", "dsprites", "mnist1d", "glyphs", "notmnist")
