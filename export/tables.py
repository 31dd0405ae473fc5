"""The table functions of `training.tables`, under their earlier address."""

from keras_vae.training.tables import Column, format_number, replace_nonfinite, table

__all__ = ["Column", "format_number", "replace_nonfinite", "table"]
