"""The VAE of tables with columns of every kind."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae.distributions.mixed import Mixed
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.layers.gaps import FillGaps
from keras_vae.losses.importance import importance_weighted_terms
from keras_vae.losses.weights import merge_weights
from keras_vae.models.iwae import IWAE
from keras_vae.models.vae import VAE
from keras_vae.tables.mixed_networks import mixed_networks, sentinels
from keras_vae.tables.schema import Schema
from keras_vae.tables.self_masked import SelfMasked
from keras_vae.tables.verbs import TableVerbs
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# The likelihood of a table for each way in which values go missing.
MECHANISMS = {"at_random": Mixed, "self_masking": SelfMasked}


@keras.saving.register_keras_serializable("keras_vae")
class TabularVAE(TableVerbs, VAE):
    """VAE of the rows of a table, with columns of every kind and missing values.

    Loss:
        loss = mean over rows of [ sum over known columns of -log p(x_c | z) + beta * KL ]

        p(x_c | z) is the distribution of column c, see `keras_vae.distributions.Mixed`, and KL =
        KL(q(z | known columns) || N(0, I)), both in nats of the table.

        With `samples` of k > 1, it is minus the importance-weighted bound of the known columns:

        loss = mean over rows of [ -log( 1/k sum_i p(known | z_i) p(z_i) / q(z_i | known) ) ]

        It is an upper bound on -log p(known), and falls towards it as k grows (MIWAE). The terms
        are then those of `keras_vae.IWAE`.

        With `missing="self_masking"`, the loss is also that of which values are missing, s_c = 1
        (not-MIWAE). p(known | z) in both losses above becomes p(known, s | z), the product over
        columns of

        p(x_c | z) p(s_c = 0 | x_c)  of a known value,

        E over p(x_c | z) of p(s_c = 1 | x_c)  of a missing one,

        p(s_c = 1 | x_c) = sigmoid(slope_c * u_c + offset_c)

        u_c is the standardized number of column c, of amounts the standardized logarithm. Slopes
        and offsets are learned. The expectation is an integral over a grid of 41 points, in place
        of the samples of the paper. Counts and categories stay missing at random.

    The encoder takes standardized numbers, one-hot categories, and which values are known. Its
    arrays are those of `schema.to_array(frame)`, with NaN for missing.

    Sources: Nazabal et al. 2020, HI-VAE (arXiv:1807.03653), with a Gaussian code, Mattei &
    Frellsen 2019, MIWAE (arXiv:1812.02633, equation 5), and Ipsen et al. 2021, not-MIWAE
    (arXiv:2006.12871).

    Example:
        >>> frame = {"age": [31, 58, None, 44] * 16, "city": ["Bern", "Rome", "Rome", None] * 16}
        >>> schema = keras_vae.tables.Schema.infer(frame)
        >>> model = keras_vae.tables.TabularVAE(schema, latent_dim=2, seed=0)
        >>> model.compile("adam")
        >>> history = model.fit(schema.to_array(frame), epochs=1, verbose=0)
        >>> filled = model.impute(frame)
        >>> filled["city"][:3], None in filled["age"]
        (['Bern', 'Rome', 'Rome'], False)

    Args:
        schema: The `keras_vae.tables.Schema` of the table.
        latent_dim: Size of the code.
        hidden: Widths of the hidden layers of the encoder; the decoder has them in reverse.
        samples: k, the codes of each row in training: 1 for the bound with `beta`, more for MIWAE.
        missing: "at_random" if holes tell nothing about the values in them, given the known ones;
            "self_masking" if the chance of a hole depends on its own value.
        **kwargs: Of `VAE`: `beta`, `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If a size is less than 1, both `beta` and `samples` are given, `missing` is
            unknown, values are to mask themselves and all columns are counts or categories, or as
            for `VAE`.
    """

    def __init__(
        self,
        schema: Schema,
        latent_dim: int = 8,
        hidden: Sequence[int] = (128, 64),
        samples: int = 1,
        missing: str = "at_random",
        **kwargs: Any,
    ) -> None:
        if not isinstance(schema, Schema):
            raise UsageTypeError(
                "Expected schema to be a keras_vae.tables.Schema. Received: "
                f"{type(schema).__name__}. (Schema.infer(frame) makes one.)"
            )
        networks = mixed_networks(schema.columns, latent_dim, hidden)
        gaps = FillGaps(sentinels(schema.columns))
        if arguments.integer("samples", samples) > 1:
            self.terms = IWAE.terms
            kwargs = _importance_weights(samples, **kwargs)
        family = MECHANISMS[arguments.choice("missing", missing, tuple(MECHANISMS))].of(schema)
        super().__init__(*networks, likelihood=family, preprocess=gaps, **kwargs)
        self.schema = schema
        self.samples = samples
        self.missing = missing

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return the terms of the bound, each `(batch,)`, in nats of the table."""
        if self.samples == 1:
            return super().loss_terms(x, y, training)
        return importance_weighted_terms(self, x, y, self.samples, training=training)

    def finish_construction(self) -> None:
        """Build the model; its preprocessing follows from the schema."""
        super().finish_construction()
        del self._arguments["preprocess"]


def _importance_weights(samples: int, loss_weights: Any = None, **kwargs: Any) -> dict[str, Any]:
    """Return arguments of `VAE` in whose loss the importance-weighted bound stands alone."""
    if "beta" in kwargs:
        raise UsageError(
            f"Expected no beta for the importance-weighted bound. Received: beta={kwargs['beta']!r}"
            f" and samples={samples}. (Leave one out.)"
        )
    weights = merge_weights({"reconstruction": 0.0}, loss_weights)
    return {**kwargs, "beta": 0.0, "loss_weights": weights}
