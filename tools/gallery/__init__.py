"""A program that draws what is different about each model, and uses of latent codes."""
