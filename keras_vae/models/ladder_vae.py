"""The hierarchical VAE with inference from the top level down."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae import distributions
from keras_vae.backend import call_network
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.losses.terms import free_bits_excess
from keras_vae.losses.weights import LossWeight, merge_weights, weight_setting
from keras_vae.models.vae import VAE
from keras_vae.nets.top_down import TopDown
from keras_vae.typing import Tensor
from keras_vae.validation import arguments
from keras_vae.variational.posteriors import TopDownPosterior


@keras.saving.register_keras_serializable("keras_vae")
class LadderVAE(VAE):
    """Hierarchical VAE with any number of levels of codes.

    Loss:
        loss = mean over the batch of
            [ -log p(x | z) + beta * sum_l KL(q(z_l | x, z_>l) || p(z_l | z_>l)) ]

        z_>l are the codes of the levels above level l. One sample of all levels is taken, from
        the top down, and KL of each level is in closed form, given the sample above it. So the
        term `kl`, the sum over levels, is an unbiased estimate of KL(q(z | x) || p(z)). With
        `free_bits` above 0, KL_l becomes max(free_bits, mean over the batch of KL_l). All terms
        are in nats; the first is summed over the event.

    The posterior of a level is a network of features of x and of the state of the levels above.
    (The first paper multiplies two Gaussians instead.) It is given relative to the prior.

    A code is one vector with the codes of all levels, from the top. The code of a level is in
    units of its prior, z = (value - mean) / sigma. So p(z) = N(0, I), and `decode`, `sample`,
    sliders and interpolation work as for a `VAE`. With one level this is the `VAE`.

    Sources: Sonderby et al. 2016 (arXiv:1602.02282), Kingma et al. 2016 (arXiv:1606.04934) and
    Child 2021 (arXiv:2011.10650) for the network, Vahdat & Kautz 2020 (arXiv:2007.03898, section
    3.2) for posteriors relative to the prior.

    Example:
        >>> networks = keras_vae.nets.gated_ladder((784,), latent_dims=(40, 40))
        >>> model = keras_vae.LadderVAE(*networks, free_bits=0.5, seed=0)

    Args:
        encoder: Model from `(batch, *event)` to a list of features for each level, the top first.
        decoder: A `keras_vae.nets.TopDown`, as the ladders of `keras_vae.nets` make.
        likelihood: As in `VAE`.
        beta: As in `VAE`.
        free_bits: Threshold of the KL of each level, in nats (Kingma et al. 2016, equation 15).
            If above 0, the excess over `kl` is a term of its own, `free_bits`, weighted by `beta`.
        loss_weights: As in `VAE`.
        **kwargs: Of `VAE`: `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the shapes of features and levels do not fit or `free_bits` is negative.
        TypeError: If `decoder` is no `TopDown`.
    """

    takes_condition = False
    weight_arguments = {"beta": ("kl", "free_bits")}
    beta = weight_setting("kl", "free_bits")

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
            raise UsageTypeError(
                "Expected decoder to be a keras_vae.nets.TopDown, as keras_vae.nets.gated_ladder "
                f"and conv_ladder make. Received: {decoder!r}."
            )
        weights = merge_weights({}, loss_weights)
        if free_bits:
            self.terms = ("reconstruction", "kl", "free_bits")
            weights = {"free_bits": beta, **weights}
        super().__init__(encoder, decoder, likelihood, beta, weights, **kwargs)
        self.free_bits = free_bits

    def posterior(self, x: Tensor, training: bool = False) -> Any:
        """Return q(z | x), a `keras_vae.posteriors.TopDownPosterior` over flat codes."""
        return TopDownPosterior(self.decoder, self.encoder_outputs(x, training), training)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction, KL and free bits, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        drawn = q.descend_from_noise(q.noise(self.seed_generator))
        p = self._observation_of_state(drawn.state, training)
        terms = {"reconstruction": -p.log_prob(y), "kl": ops.sum(drawn.kl, axis=1)}
        if self.free_bits:
            terms["free_bits"] = free_bits_excess(drawn.kl, self.free_bits)
        return terms

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """Return reconstruction and KL at the means of all levels, without noise."""
        at_mean = self.posterior(x).at_mean
        p = self._observation_of_state(at_mean.state)
        return {"reconstruction": -p.log_prob(x), "kl": ops.sum(at_mean.kl, axis=1)}

    def kl_of_levels(self, x: Tensor, seed: int = 0) -> Tensor:
        """Return the KL divergence of each level for each example.

        Args:
            x: Examples, `(batch, *event_shape)`.
            seed: Seed of the sample of codes, on which the KL of the levels below depends.

        Returns:
            `(batch, levels)`, in nats, the top level first.
        """
        q = self.posterior(x)
        return q.descend_from_noise(q.noise(seed)).kl

    def _observation_of_state(self, state: Tensor, training: bool = False) -> Any:
        """Return p(x | z) for the state after the last level."""
        outputs = call_network(self.decoder.head, state, training)
        return self.observation_from_outputs(outputs)

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """Return a flat code; raise ValueError unless the encoder has features for each level."""
        found = [tuple(feature.shape[1:]) for feature in keras.tree.flatten(codes)]
        wanted = [level.feature_shape for level in self.decoder.levels]
        if found != wanted:
            raise UsageError(
                "Expected an encoder whose outputs are the features that the levels take, from "
                f"the top, of shapes {wanted}. Received: {found}."
            )
        return keras.KerasTensor((None, sum(self.decoder.sizes)), dtype="float32")
