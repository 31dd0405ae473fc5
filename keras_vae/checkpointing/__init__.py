"""Interrupted trainings that end with the same bits as uninterrupted ones.

Begin with `exact_resume`, the callback. It repeats `fit` with `replay` up to the newest checkpoint,
reads and writes the checkpoint with `files`, takes the state of model and callbacks from `state`,
and stops at the next step when `sigterm` was received.
"""
