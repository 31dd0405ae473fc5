"""A program that exports every model to every format and runs it in every runtime."""
