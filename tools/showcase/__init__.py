"""A program that draws the pictures of the README and the guides: uses of trained models."""
