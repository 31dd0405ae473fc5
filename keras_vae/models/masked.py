"""The masked autoencoder."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_vae import nets
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import Distribution, Masked, get
from keras_vae.errors import UsageError
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks


@keras.saving.register_keras_serializable("keras_vae")
class MaskedAutoencoder(Autoencoder):
    """Vision transformer that reconstructs images from a few of their patches.

    Loss:
        loss = mean over the batch of
            [ -log p(x_hidden | z) + visible_weight * -log p(x_visible | z) ]

        In training, a share `mask_ratio` of the patches is hidden, at random for each image. z
        are the codes of the visible patches, with a learned vector in place of each hidden patch.
        Both terms, `hidden` and `visible`, are in nats and summed over the pixels of their
        patches. With `visible_weight` 1 their sum is -log p(x | z).

    With `visible_weight` 0 the loss has the hidden patches alone, as in the paper; visible
    patches are then not reconstructed. The encoder never sees hidden patches.

    At inference nothing is hidden: `encode`, `reconstruct` and `score` take whole images. To fill
    a masked region, use `keras_vae.inpaint(model, x, mask)`. For the codes of an image with known
    and unknown patches, use `encode_visible`.

    Source: He et al. 2021 (arXiv:2111.06377, section 3).

    Example:
        >>> model = keras_vae.MaskedAutoencoder((28, 28, 1), patch=4, seed=0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> mask = np.ones((28, 28))
        >>> mask[:, 14:] = 0  # The right half is masked.
        >>> whole = keras_vae.inpaint(model, images[:8], mask)

    Args:
        image_shape: `(height, width, channels)`.
        patch: Side of the square patches, in pixels; it divides height and width.
        latent_dim: Size of the code of a patch; codes are `(batch, patches, latent_dim)`.
        mask_ratio: Share of the patches that are hidden in training, rounded to whole patches.
        visible_weight: Weight of the term `visible`.
        likelihood: As in `Autoencoder`.
        width: Features of a patch inside, as in `keras_vae.nets.patches`.
        blocks: As in `keras_vae.nets.patches`.
        decoder_blocks: As in `keras_vae.nets.patches`.
        attention_heads: As in `keras_vae.nets.patches`.
        loss_weights: Weights of other terms by name.
        **kwargs: Of `Autoencoder`: `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the patches do not fill the image, or `mask_ratio` hides none or all.
    """

    takes_condition = False
    terms = ("hidden", "visible")
    weight_arguments = {"visible_weight": ("visible",)}

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        patch: int = 4,
        latent_dim: int = 32,
        mask_ratio: float = 0.75,
        visible_weight: LossWeight = 1.0,
        likelihood: str | type[Distribution] = "normal",
        width: int = 64,
        blocks: int = 4,
        decoder_blocks: int = 2,
        attention_heads: int = 4,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        networks = nets.patches(
            image_shape,
            patch,
            latent_dim,
            width,
            blocks,
            decoder_blocks,
            attention_heads,
            decoder_heads=get(likelihood).heads,
        )
        weights = merge_weights({"visible": visible_weight}, loss_weights)
        super().__init__(*networks, likelihood=likelihood, loss_weights=weights, **kwargs)
        self.patch = patch
        self.grid = (image_shape[0] // patch, image_shape[1] // patch)
        visible = 1.0 - arguments.fraction("mask_ratio", mask_ratio)
        self.shown = round(visible * math.prod(self.grid))
        if not 0 < self.shown < math.prod(self.grid):
            raise UsageError(
                f"Expected mask_ratio to hide some of the {math.prod(self.grid)} patches, not all. "
                f"Received: {mask_ratio!r}."
            )
        self.mask_token = self.add_weight(
            name="mask_token", shape=(latent_dim,), initializer="random_normal"
        )

    def encode_visible(self, x: Tensor, visible: Tensor, training: bool = False) -> Tensor:
        """Encode images with hidden patches; hidden pixels have no effect on the codes.

        Args:
            x: Images, `(batch, *event_shape)`, with any finite values in hidden patches.
            visible: `(batch, patches)`, 1 for visible patches, at least one in each row.
            training: Whether layers such as dropout are active.

        Returns:
            `(batch, patches, latent_dim)`, with the learned vector in place of hidden patches.

        Raises:
            ValueError: If `x` or `visible` has another shape.
        """
        data_checks.check_shape("x", x.shape, self.event_shape)
        data_checks.check_shape("visible", visible.shape, (math.prod(self.grid),))
        tokens, attention = self._parts()
        visible = ops.convert_to_tensor(visible, "float32")
        patches = tokens(self.prepare(x), training=training)
        codes = attention([patches, visible], training=training)
        seen = ops.expand_dims(visible, -1) > 0.5
        return ops.where(seen, ops.cast(codes, "float32"), ops.cast(self.mask_token, "float32"))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return -log p of hidden and of visible patches, each `(batch,)`, in nats."""
        place = self._places(ops.shape(x)[0])
        p = self.observation(self._encode_first(x, place, training), training)
        visible = self.pixels(ops.cast(place < self.shown, "float32"))
        return {
            "hidden": -Masked(p, 1.0 - visible).log_prob(y),
            "visible": -Masked(p, visible).log_prob(y),
        }

    def _places(self, count: Any) -> Tensor:
        """Return a random order of the patches of each image, int32 `(count, patches)`."""
        shape = (count, math.prod(self.grid))
        noise = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return ops.argsort(ops.argsort(noise, axis=1), axis=1)

    def _encode_first(self, x: Tensor, place: Tensor, training: bool) -> Tensor:
        """Encode the patches that are first in `place`, without computing the others."""
        tokens, attention = self._parts()
        order = ops.expand_dims(ops.argsort(place, axis=1)[:, : self.shown], -1)
        some = ops.take_along_axis(tokens(self.prepare(x), training=training), order, axis=1)
        codes = attention([some, ops.ones_like(some[..., 0])], training=training)
        codes = ops.cast(codes, "float32")
        hidden = math.prod(self.grid) - self.shown
        token = ops.cast(self.mask_token, "float32") + ops.zeros_like(codes[:, :1])
        both = ops.concatenate([codes, ops.repeat(token, hidden, axis=1)], axis=1)
        return ops.take_along_axis(both, ops.expand_dims(place, -1), axis=1)

    def pixels(self, of_patches: Tensor) -> Tensor:
        """Repeat a number of each patch over its pixels.

        Args:
            of_patches: `(batch, patches)`.

        Returns:
            `(batch, height, width)`.
        """
        grid = ops.reshape(of_patches, (-1, *self.grid))
        return ops.repeat(ops.repeat(grid, self.patch, axis=1), self.patch, axis=2)

    def _parts(self) -> tuple[Any, Any]:
        return self.encoder.get_layer("tokens"), self.encoder.get_layer("attention")
