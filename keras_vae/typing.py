"""Types that annotations share. Keras publishes no usable types, so these state the intent."""

from typing import Any, Protocol

Tensor = Any  # A tensor of the backend of Keras.
Array = Any  # A NumPy array, or anything that converts to one.


class LatentModel(Protocol):
    """The interface of a model that helpers rely on: an autoencoder of this package.

    Attributes:
        built: Whether the variables exist.
        event_shape: Shape of one example, without the batch axis.
        event_dtype: "float32", or "int32" for tokens.
        latent_shape: Shape of one latent code.
        latent_dtype: "float32", or "int32" for codebook indices.
        terms: Names of the loss terms.
        generative: Whether the model has a prior to sample from.
        encoder: Network from x to codes, or to the parameters of q(z | x).
        decoder: Network from codes to the parameters of p(x | z).
        likelihood: Name or class of p(x | z), as the constructor got it.
        family: Class of p(x | z).
        preprocess: The `keras_vae.preprocessing.Preprocessing` of raw x, perhaps of no steps.
        data_range: Smallest and largest raw value of x with a density.
        shared_parameters: Variables of p(x | z) that all examples share, such as a scale.
        trainable_variables: Variables that the optimizer changes.
        losses: Losses that layers added, such as weight regularizers.
        steps: Variable that counts training steps.
        loss_weights: Weight of each loss term by name.
        sampler: The `keras_vae.samplers.Sampler` that `fit_prior` fitted, or None.
        prior: Method from codes to p(z), of models that have one.
        posterior: Method from x to q(z | x), of models that have one.
        compile, fit, evaluate, predict, save, get_config, count_params, weights, variables,
            optimizer: As of `keras.Model`.
    """

    name: str
    built: bool
    event_shape: tuple[int, ...]
    event_dtype: str
    latent_shape: tuple[int, ...]
    latent_dtype: str
    terms: tuple[str, ...]
    generative: bool
    encoder: Any
    decoder: Any
    preprocess: Any
    data_range: tuple[float, float]
    likelihood: Any
    family: Any
    shared_parameters: Any
    trainable_variables: Any
    losses: Any
    steps: Any
    loss_weights: Any
    sampler: Any
    prior: Any
    posterior: Any
    compile: Any
    fit: Any
    evaluate: Any
    predict: Any
    save: Any
    get_config: Any
    count_params: Any
    weights: Any
    variables: Any
    optimizer: Any

    def encode(self, x: Tensor) -> Tensor:
        """Encode `x` to latent codes, `(batch, *latent_shape)`."""

    def decode(self, z: Tensor) -> Tensor:
        """Decode latent codes to the mean of p(x | z), `(batch, *event_shape)`."""

    def reconstruct(self, x: Tensor) -> Tensor:
        """Encode `x` and decode the codes."""

    def score(self, x: Tensor) -> Tensor:
        """Score how unusual each example is, `(batch,)`, in nats."""

    def observation(self, z: Tensor) -> Any:
        """Return the distribution p(x | z)."""

    def with_condition(self, z: Tensor, x: Tensor) -> Tensor:
        """Return the input of `decode` for codes `z` of `x`."""

    def build_for(self, x: Any) -> None:
        """Build for a batch `x`, if the model is not built yet."""

    def check_parts(self, x: Any) -> None:
        """Raise ValueError for a bad value in the inputs next to x."""

    def check_event(self, name: str, values: Any) -> None:
        """Raise ValueError unless `values` are finite and in the support of the likelihood."""

    def check_columns(self, x: Any) -> None:
        """Raise ValueError for values of a NumPy array that no row of a table can have."""

    def check_target(self, y: Any) -> None:
        """Raise ValueError unless `y` is a target for the loss."""

    def endpoints(self) -> dict[str, Any]:
        """Return the endpoints by name, each a `keras_vae.Endpoint`."""

    def encode_endpoint(self, x: Tensor) -> dict[str, Tensor]:
        """Answer the `encode` endpoint."""

    def metadata(self) -> dict[str, Any]:
        """Return entries of exported files that this kind of model alone has."""

    def export(self, filepath: Any, format: str = ..., **kwargs: Any) -> Any:
        """Write the endpoints to a file."""

    def sample(self, count: int, seed: int | None = None, temperature: float = 1.0) -> Tensor:
        """Sample new examples, `(count, *event_shape)`."""

    def sample_codes(
        self,
        count: int,
        seed: int | None = None,
        temperature: float = 1.0,
        condition: Any = None,
        guidance: float | None = None,
        top_k: int | None = None,
    ) -> Tensor:
        """Sample the codes that `sample` decodes."""

    def sample_codes_from_seeds(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Sample a code for each seed."""

    def codes_from_noise(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return a code of each example for standard normal noise."""

    def adapt(self, data: Any, examples: int = ...) -> None:
        """Take a part of the state from data, of models that can, such as a codebook."""

    def fit_prior(self, x: Any, labels: Any = None, prior: str = ..., **settings: Any) -> None:
        """Fit a distribution of the codes of `x`."""

    def fit_sampler(self, x: Any, components: int = ..., **kwargs: Any) -> None:
        """Fit a mixture of Gaussians to the codes of `x`."""
