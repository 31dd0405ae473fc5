"""The numbers that a model minimizes, and their weights.

`terms` has the terms that several models share and `discrepancy` the distance of codes from a
prior. `weights` turns a number, a schedule (`schedules`) or a controller (`controllers`) into the
weight of a term. `Autoencoder.loss_and_logs` sums the weighted terms and averages over examples.
"""
