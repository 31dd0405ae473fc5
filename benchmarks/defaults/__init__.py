"""The defaults of the networks, chosen by measurement: `python -m benchmarks.defaults`."""
