"""The program that trains, measures and exports the presets of the package, and writes their cards.

`entries` lists the presets with their recipes, `making` makes the parts of one, and `__main__`
makes those that do not exist yet.
"""
