"""A program that draws inputs, codes and outputs of every model, and uses of latent codes."""
