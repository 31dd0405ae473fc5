"""The hierarchical VAE whose levels are inferred from the top down."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae import arguments, distributions
from keras_vae.models.vae import VAE
from keras_vae.nets.top_down import TopDown
from keras_vae.objectives import free_bits_excess
from keras_vae.posteriors import TopDownPosterior
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class LadderVAE(VAE):
    """Hierarchical VAE with any number of levels, inferred in the direction of generation.

    p(x, z) = p(z_L) prod_l p(z_l | levels above) p(x | z), and q(z | x) is in the same order:
    q(z_L | x) prod_l q(z_l | x, levels above), from deterministic features of x and the state that
    the levels above leave (Sonderby et al. 2016, arXiv:1602.02282). As in Kingma et al. 2016
    (arXiv:1606.04934) and VD-VAE (Child 2021, arXiv:2011.10650) a network reads both, in place of
    Sonderby's product of two Gaussians; and it gives each posterior relative to its prior (Vahdat
    & Kautz 2020, arXiv:2007.03898, section 3.2). The term `kl` is the sum over levels of the KL
    divergence of one level, given the codes drawn above it, which is unbiased.

    A code is one vector: all levels in a row, from the top, each in units of its prior,
    z = (value - mean) / sigma. Its prior is therefore a standard normal, and `decode`, `sample`,
    sliders and walks between codes work as they do for a `VAE`. With one level this is the `VAE`.

    Example:
        >>> networks = keras_vae.nets.gated_ladder((784,), latent_dims=(40, 40))
        >>> model = keras_vae.LadderVAE(*networks, free_bits=0.5, seed=0)

    Args:
        encoder: From `(batch, *event)` to a list of features, one for each level, the top first.
        decoder: A `keras_vae.nets.TopDown`, as the ladders of `keras_vae.nets` make.
        likelihood: As in `VAE`.
        beta: As in `VAE`.
        free_bits: Nats that each level may use for nothing (Kingma et al. 2016, equation 15). If
            above 0, what that adds to `kl` is a term of its own, `free_bits`, weighted by `beta`.
        loss_weights: As in `VAE`.
        **kwargs: Of `VAE`: `seed`, `name`, `dtype`.

    Raises:
        ValueError: If the shapes of features and levels do not meet or `free_bits` is negative.
        TypeError: If `decoder` is no `TopDown`.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: TopDown,
        likelihood: str | type[distributions.Distribution] = "bernoulli",
        beta: LossWeight = 1.0,
        free_bits: float = 0.0,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        arguments.real("free_bits", free_bits, 0.0)
        if not isinstance(decoder, TopDown):
            raise TypeError(
                "Expected decoder to be a keras_vae.nets.TopDown, as keras_vae.nets.gated_ladder "
                f"and conv_ladder make. Received: {decoder!r}."
            )
        weights = merged({}, loss_weights)
        if free_bits:
            self.terms = ("reconstruction", "kl", "free_bits")
            weights = {"free_bits": beta, **weights}
        super().__init__(encoder, decoder, likelihood, beta, weights, **kwargs)
        self.free_bits = free_bits

    def posterior(self, x: Tensor, training: bool = False) -> Any:
        """q(z | x), a `keras_vae.posteriors.TopDownPosterior` over flat codes."""
        return TopDownPosterior(self.decoder, self.encoder_outputs(x, training), training)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """The terms of minus the bound, and what free bits add, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        drawn = q.drawn(q.noise(self.seed_generator))
        p = self.observation_of_state(drawn.state, training)
        terms = {"reconstruction": -p.log_prob(y), "kl": ops.sum(drawn.kl, axis=1)}
        if self.free_bits:
            terms["free_bits"] = free_bits_excess(drawn.kl, self.free_bits)
        return terms

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The terms of minus the bound at the means of all levels: no noise, so deterministic."""
        at_mean = self.posterior(x).at_mean
        p = self.observation_of_state(at_mean.state)
        return {"reconstruction": -p.log_prob(x), "kl": ops.sum(at_mean.kl, axis=1)}

    def kl_of_levels(self, x: Tensor, seed: int = 0) -> Tensor:
        """How much each level says about each example, `(batch, levels)`, in nats, the top first.

        Args:
            x: Examples, `(batch, *event_shape)`.
            seed: Of the codes drawn; the KL of a level depends on those above it.
        """
        q = self.posterior(x)
        return q.drawn(q.noise(seed)).kl

    def observation_of_state(self, state: Tensor, training: bool = False) -> Any:
        """p(x | z), from what the last level hands to the head of the decoder."""
        return self.density(self.decoder.head(state, training=training))

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """A flat code; raises ValueError unless the encoder gives what each level takes."""
        found = [tuple(feature.shape[1:]) for feature in keras.tree.flatten(codes)]
        wanted = [level.feature_shape for level in self.decoder.levels]
        if found != wanted:
            raise ValueError(
                "Expected an encoder whose outputs are the features that the levels take, from "
                f"the top, of shapes {wanted}. Received: {found}."
            )
        return keras.KerasTensor((None, sum(self.decoder.sizes)), dtype="float32")
