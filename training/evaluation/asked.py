"""The options of an evaluation, and the measures that take minutes."""

from dataclasses import dataclass

from keras_vae.errors import UsageError
from keras_vae.training.data.loading import Data
from keras_vae.training.evaluation import components, factors, generation, likelihood, probes
from keras_vae.training.evaluation.base import Measure
from keras_vae.typing import LatentModel


@dataclass(frozen=True)
class EvaluationOptions:
    """The slow measures of an evaluation, in addition to the fast ones.

    Attributes:
        samples: Number of importance samples of -log p(x); None for no estimate.
        distances: True to compare generated examples with test examples.
        features: The features of that comparison, see `generation.distances`.
        sampler: Number of Gaussians to fit to the codes and to sample from; None for the prior.
        probes: True to classify codes.
        factors: True to measure disentanglement.
        pca: True to measure the error of principal components.
    """

    samples: int | None = None
    distances: bool = False
    features: str = "hog"
    sampler: int | None = None
    probes: bool = False
    factors: bool = False
    pca: bool = False

    def check(self, model: LatentModel, data: Data) -> None:
        """Raise ValueError, before any work, if the model or the data do not fit a measure."""
        if self.samples is not None:
            likelihood.check(model, self.samples)
        if self.sampler is not None and not self.distances:
            raise UsageError(
                f"Expected --distances with --sampler, which is what samples are drawn for. "
                f"Received: --sampler {self.sampler} alone."
            )
        if self.features != "hog" and not self.distances:
            raise UsageError(
                f"Expected --distances with --features, which is what features are compared for. "
                f"Received: --features {self.features} alone."
            )
        if self.distances:
            generation.check(model, data, self.features, self.sampler)
        if self.probes:
            probes.check(data)
        if self.factors:
            factors.check(model)
        if self.pca:
            components.check(model, data)

    def measure(
        self, model: LatentModel, data: Data, grey: Data, batch_size: int
    ) -> dict[str, Measure]:
        """Return the measures of these options, by name.

        Args:
            model: A `keras_vae.Autoencoder`.
            data: Examples after the binarization of the protocol, if it has one.
            grey: The same examples before it.
            batch_size: Examples in a batch; it changes the speed only.
        """
        rows: dict[str, Measure] = {}
        if self.samples is not None:
            rows |= likelihood.importance_weighted(model, data.test, self.samples)
            if data is not grey:
                rows["nll_floor"] = likelihood.floor(grey.test)
        if self.distances:
            fitted = None if self.sampler is None else (data.train, self.sampler)
            rows |= generation.distances(model, grey.test, batch_size, self.features, fitted)
        if self.probes:
            rows |= probes.accuracies(model, data, batch_size)
        if self.factors:
            rows |= factors.disentanglement(model, batch_size)
        if self.pca:
            rows |= components.error(model, data)
        return rows
