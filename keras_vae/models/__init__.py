"""The models: each file has one model, with its paper, its constructor and its loss."""
