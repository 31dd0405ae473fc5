"""The places that images come from, one file each; every reader returns a `Data`."""
