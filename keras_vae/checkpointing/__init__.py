"""How does an interrupted training end with the same bits as one that was not interrupted?

Begin with `exact_resume`, the callback. It repeats `fit` with `replay` up to the newest checkpoint,
reads and writes the checkpoint with `files`, takes the state of model and callbacks from `state`,
and stops at the next step when `sigterm` was received.
"""
