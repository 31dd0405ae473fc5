"""Which inputs are refused, and with which words?

`arguments` checks arguments of constructors, `data_checks` checks data before the first step,
`networks` checks that encoder, decoder and likelihood fit together, and `examples` takes the first
examples of any source of data.
"""
