"""Which numbers does a model minimize, and how are they weighted?

`terms` has the terms that several models share and `discrepancy` the distance of codes from a
prior. `weights` turns a number, a schedule (`schedules`) or a controller (`controllers`) into the
weight of a term. `Autoencoder.loss_and_logs` sums the weighted terms and averages over examples.
"""
