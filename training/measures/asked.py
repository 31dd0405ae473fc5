"""The measures that take minutes, each on request."""

from dataclasses import dataclass
from typing import Any

from training.data import Data
from training.measures import factors, generation, likelihood, probes
from training.measures.base import Measure


@dataclass(frozen=True)
class Asked:
    """What to measure beyond what takes seconds.

    Attributes:
        samples: Importance samples of -log p(x), None for no estimate.
        distances: Whether to compare generated with test images.
        features: In what, see `generation.distances`.
        sampler: How many Gaussians to fit to the codes and sample from; None for the prior.
        probes: Whether to classify codes.
        factors: Whether to measure disentanglement.
    """

    samples: int | None = None
    distances: bool = False
    features: str = "hog"
    sampler: int | None = None
    probes: bool = False
    factors: bool = False

    def check(self, model: Any, data: Data) -> None:
        """Raise ValueError, before any work, if the model or the data cannot give a measure."""
        if self.samples is not None:
            likelihood.check(model, self.samples)
        if self.sampler is not None and not self.distances:
            raise ValueError(
                f"Expected --distances with --sampler, which is what samples are drawn for. "
                f"Received: --sampler {self.sampler} alone."
            )
        if self.features != "hog" and not self.distances:
            raise ValueError(
                f"Expected --distances with --features, which is what features are compared for. "
                f"Received: --features {self.features} alone."
            )
        if self.distances:
            generation.check(model, data.test, self.features, self.sampler)
        if self.probes:
            probes.check(data)
        if self.factors:
            factors.check(model)

    def measure(self, model: Any, data: Data, grey: Data, batch_size: int) -> dict[str, Measure]:
        """What was asked for, by name.

        Args:
            model: A `keras_vae.Autoencoder`.
            data: Images as the protocol measures them.
            grey: The same images as they are.
            batch_size: Images at once; changes the speed only.
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
        return rows
