"""The masked autoencoder."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_vae import arguments, checks, nets
from keras_vae.autoencoder import Autoencoder
from keras_vae.distributions import Distribution, Masked, get
from keras_vae.weights import LossWeight, merged

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class MaskedAutoencoder(Autoencoder):
    """Vision transformer that rebuilds images from a few of their patches (He et al. 2021).

    In training a random `mask_ratio` of the patches is hidden, of each image others. The encoder
    sees the rest alone, and a learned vector stands for each hidden patch where the decoder starts
    (arXiv:2111.06377, section 3). Minimized is -log p of the pixels of hidden patches, `hidden`, as
    there, plus `visible_weight` times that of the others, `visible`: together -log p(x), in nats
    summed over all pixels. With a `visible_weight` of 0 it is the paper's objective, and
    reconstructions of what is seen are worth nothing.

    At inference nothing is hidden: `encode`, `reconstruct` and `score` take whole images. To fill
    what is missing, `keras_vae.inpaint(model, x, mask)`; to see codes of an image of which only
    some patches are known, `encode_visible`.

    Example:
        >>> model = keras_vae.MaskedAutoencoder((28, 28, 1), patch=4, seed=0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)  # float images in [0, 1]
        >>> whole = keras_vae.inpaint(model, images[:8], mask)

    Args:
        image_shape: `(height, width, channels)`.
        patch: Side of the square patches, in pixels; it divides height and width.
        latent_dim: Size of the code of a patch; codes are `(batch, patches, latent_dim)`.
        mask_ratio: Share of the patches that training hides, rounded to whole patches.
        visible_weight: Weight of the term `visible`.
        likelihood: As in `Autoencoder`.
        width: As the other arguments of `keras_vae.nets.patches`.
        blocks: As in `keras_vae.nets.patches`.
        decoder_blocks: As in `keras_vae.nets.patches`.
        attention_heads: As in `keras_vae.nets.patches`.
        loss_weights: Weights of other terms by name.
        **kwargs: Of `Autoencoder`: `seed`, `name`, `dtype`.

    Raises:
        ValueError: If the patches do not fill the image, or `mask_ratio` hides none or all.
    """

    terms = ("hidden", "visible")

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
        weights = merged({"visible": visible_weight}, loss_weights)
        super().__init__(*networks, likelihood=likelihood, loss_weights=weights, **kwargs)
        self.patch = patch
        self.grid = (image_shape[0] // patch, image_shape[1] // patch)
        visible = 1.0 - arguments.fraction("mask_ratio", mask_ratio)
        self.shown = round(visible * math.prod(self.grid))
        if not 0 < self.shown < math.prod(self.grid):
            raise ValueError(
                f"Expected mask_ratio to hide some of the {math.prod(self.grid)} patches, not all. "
                f"Received: {mask_ratio!r}."
            )
        self.mask_token = self.add_weight(
            name="mask_token", shape=(latent_dim,), initializer="random_normal"
        )

    def encode_visible(self, x: Tensor, visible: Tensor, training: bool = False) -> Tensor:
        """Codes of images of which some patches are hidden; no hidden pixel has a say.

        Args:
            x: Images, `(batch, *event_shape)`, with any finite values where they are hidden.
            visible: `(batch, patches)`, 1 for patches to look at, at least one in each row.
            training: Whether layers such as dropout are active.

        Returns:
            `(batch, patches, latent_dim)`, the learned vector in place of the hidden ones.

        Raises:
            ValueError: If one of them has another shape.
        """
        checks.check_shape("x", x.shape, self.event_shape)
        checks.check_shape("visible", visible.shape, (math.prod(self.grid),))
        tokens, attention = self._parts()
        visible = ops.convert_to_tensor(visible, "float32")
        codes = attention([tokens(x, training=training), visible], training=training)
        seen = ops.expand_dims(visible, -1) > 0.5
        return ops.where(seen, ops.cast(codes, "float32"), ops.cast(self.mask_token, "float32"))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """-log p of the pixels of hidden and of visible patches, each `(batch,)`, in nats."""
        place = self._places(ops.shape(x)[0])
        p = self.observation(self._encode_first(x, place, training), training)
        visible = self.pixels(ops.cast(place < self.shown, "float32"))
        return {
            "hidden": -Masked(p, 1.0 - visible).log_prob(y),
            "visible": -Masked(p, visible).log_prob(y),
        }

    def _places(self, count: Any) -> Tensor:
        """The place of each patch in a random order of its image's, int32 `(count, patches)`."""
        shape = (count, math.prod(self.grid))
        noise = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return ops.argsort(ops.argsort(noise, axis=1), axis=1)

    def _encode_first(self, x: Tensor, place: Tensor, training: bool) -> Tensor:
        """`encode_visible` of the patches with the first places, without computing the others."""
        tokens, attention = self._parts()
        order = ops.expand_dims(ops.argsort(place, axis=1)[:, : self.shown], -1)
        some = ops.take_along_axis(tokens(x, training=training), order, axis=1)
        codes = attention([some, ops.ones_like(some[..., 0])], training=training)
        codes = ops.cast(codes, "float32")
        hidden = math.prod(self.grid) - self.shown
        token = ops.cast(self.mask_token, "float32") + ops.zeros_like(codes[:, :1])
        both = ops.concatenate([codes, ops.repeat(token, hidden, axis=1)], axis=1)
        return ops.take_along_axis(both, ops.expand_dims(place, -1), axis=1)

    def pixels(self, of_patches: Tensor) -> Tensor:
        """A number of each patch, `(batch, patches)`, for each pixel, `(batch, height, width)`."""
        grid = ops.reshape(of_patches, (-1, *self.grid))
        return ops.repeat(ops.repeat(grid, self.patch, axis=1), self.patch, axis=2)

    def _parts(self) -> tuple[Any, Any]:
        return self.encoder.get_layer("tokens"), self.encoder.get_layer("attention")
