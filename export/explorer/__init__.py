"""A static web page that explores a model's latent space with LiteRT.js, without a server."""
