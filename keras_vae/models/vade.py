"""The VAE with clusters."""

from typing import Any

import keras
from keras import ops

from keras_vae.base.endpoint import Endpoint
from keras_vae.distributions import Normal
from keras_vae.models.learned_prior import LearnedPriorVAE
from keras_vae.samplers.fitting import fit_mixture_of
from keras_vae.typing import Tensor
from keras_vae.validation.examples import first_input
from keras_vae.variational.priors import MixturePrior


@keras.saving.register_keras_serializable("keras_vae")
class VaDE(LearnedPriorVAE):
    """VAE whose prior is a learned mixture of Gaussians, each of which is a cluster.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * kl ]
        kl = sum_c g_c * [ KL(q(z | x) || N(mean_c, exp(log_var_c))) + log g_c - log pi_c ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)). p(z) = sum_c pi_c N(z; mean_c,
        exp(log_var_c)) has learned weights, means and variances, and g_c = p(c | z). KL is in
        closed form, so kl has less noise than log q(z | x) - log p(z), and its mean is at least
        that. Both terms are in nats; the first is summed over the event.

    Begin without the prior, and put it where the codes are, as in the example. Otherwise most
    clusters stay empty. The paper begins with layers that are trained one by one.

    Source: Jiang et al. 2017 (arXiv:1611.05148, equations 9, 12 and 16).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=10, heads=2)
        >>> model = keras_vae.VaDE(encoder, decoder, components=10, beta=0.0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> model.adapt(images)
        >>> model.beta = 1.0
        >>> model.fit(images, epochs=30)
        >>> clusters = np.argmax(model.cluster(images), axis=-1)
        >>> prototypes = model.decode(model.learned_prior.mean)

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        components: Number of clusters.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `preprocess`,
            `name`, `dtype`.

    Raises:
        ValueError: If there is no component.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        components: int = 10,
        **kwargs: Any,
    ) -> None:
        prior = MixturePrior(components, seed=kwargs.get("seed"))
        super().__init__(encoder, decoder, prior, **kwargs)

    def adapt(self, x: Any, seed: int = 0) -> None:
        """Set the clusters to a mixture that is fitted to samples of q(z | x), with scikit-learn.

        Args:
            x: Arrays, or a source of batches such as a `tf.data.Dataset`: the training examples.
            seed: Seed of the samples and of the fit.

        Raises:
            ValueError: If there are fewer examples than clusters, or they do not fit the model.
            ImportError: If scikit-learn is not installed.
        """
        found = fit_mixture_of(self, x, self.learned_prior.components, "diag", seed)
        shape = self.learned_prior.mean.shape
        self.learned_prior.mean.assign(ops.reshape(found.means, shape))
        self.learned_prior.log_var.assign(ops.reshape(2.0 * ops.log(found.factors), shape))
        self.learned_prior.logits.assign(found.log_weights)

    def cluster(self, x: Tensor) -> Tensor:
        """Return p(c | z) at the mean of q(z | x), `(batch, components)`, without noise."""
        responsibilities = self.learned_prior.mixture().log_responsibilities(self.encode(x))
        return self.mark_rows(x, ops.exp(responsibilities))

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the endpoints of `VAE`, and `cluster` from x to `probabilities`."""
        plain = super().endpoints()
        cluster = Endpoint(lambda x: {"probabilities": self.cluster(x)}, plain["encode"].inputs)
        return {**plain, "cluster": cluster}

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction and KL, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.with_condition(z, x), training)
        return {"reconstruction": -p.log_prob(y), "kl": self._kl(q, z)}

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """Return reconstruction and KL at the posterior mean, without noise."""
        q = self.posterior(x)
        p = self.observation(self.with_condition(q.mean, x))
        return {"reconstruction": -p.log_prob(first_input(x)), "kl": self._kl(q, q.mean)}

    def _kl(self, q: Normal, z: Tensor) -> Tensor:
        p = self.learned_prior.mixture()
        log_g = p.log_responsibilities(z)
        return ops.sum(ops.exp(log_g) * (p.component_kl(q) + log_g - p.log_weights), axis=1)
