"""The checks of everything that a user passes, with the words of the errors.

`arguments` checks arguments of constructors, `data_checks` checks data before the first step and
`value_checks` the values in them, and `precision` what float32 loses of them. `networks` checks
that encoder, decoder and likelihood fit together, and `examples` takes the first examples of any
source of data.
"""
