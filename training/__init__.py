"""The programs you run to train: data, recipes, training, evaluation. Not part of the wheel."""
