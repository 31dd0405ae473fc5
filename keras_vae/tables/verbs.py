"""The verbs of a model of tables: to fill in, to draw, and to score rows of columns by name."""

from typing import Any, cast

import keras
import numpy as np
from keras import ops

from keras_vae.acceleration.batching import default_batch_size, map_batches
from keras_vae.errors import UsageError
from keras_vae.models.vae import VAE
from keras_vae.tables.conditional import antithetic_noise, draw_rows, expected_rows
from keras_vae.tables.schema import Schema
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# Codes of a row in imputation, of which one is drawn or all are averaged by their weights.
SAMPLES = 100


class TableVerbs:
    """Methods of a VAE of the arrays of a schema, which take and return tables.

    Attributes:
        schema: The `keras_vae.tables.Schema` of the table.
    """

    schema: Schema
    observation: Any
    posterior: Any
    sample_codes: Any

    def impute(self, frame: Any, draws: int | None = None, seed: int | None = None) -> Any:
        """Return a table with values in place of missing ones; the others stay.

        A number becomes its expected value given the known ones, over importance-weighted codes as
        of `VAEImputer`, and a category the most probable one. Draws are samples of all missing
        values together.

        Args:
            frame: As in `Schema.infer`.
            draws: Number of tables to draw, for multiple imputation; None for the expected one.
            seed: The same seed gives the same draws; None for new ones.

        Returns:
            A dictionary of columns, or a list of them, one for each draw.
        """
        x, model = self._rows(frame), cast(VAE, self)
        if draws is None:
            noise = antithetic_noise(SAMPLES, model.latent_shape[0], seed=0)
            return self._fill(x, expected_rows(model, x, noise))
        generator = keras.random.SeedGenerator(arguments.seed(seed))
        count = arguments.integer("draws", draws)
        return [self._fill(x, draw_rows(model, x, SAMPLES, generator)) for _ in range(count)]

    def _rows(self, frame: Any) -> np.ndarray:
        """Return the array of a table; raise ValueError if it has no rows."""
        x = self.schema.to_array(frame)
        if not len(x):
            raise UsageError("Expected a table of at least one row. Received: none.")
        return x

    def _fill(self, x: np.ndarray, found: np.ndarray) -> dict[str, list[Any]]:
        return self.schema.to_frame(np.where(np.isnan(x), found, x))

    def sample_table(self, count: int, seed: int | None = None) -> dict[str, list[Any]]:
        """Return new rows, samples of p(x | z) with z of the prior, as a dictionary of columns.

        Args:
            count: Number of rows.
            seed: The same seed gives the same rows; None for new ones.
        """
        noise = keras.random.SeedGenerator(arguments.seed(seed))
        codes = self.sample_codes(count, seed, 1.0)
        return self.schema.to_frame(self.observation(codes).sample(noise))

    def column_scores(self, frame: Any) -> dict[str, np.ndarray]:
        """Return how unusual each value is: -log p(x_c | z) at the mean code, `(rows,)` by column.

        Scores are in nats, and 0 for missing values. Their sum is the reconstruction term of
        `score_terms`.

        Args:
            frame: As in `Schema.infer`.
        """

        def scores(batch: np.ndarray) -> Tensor:
            x = ops.convert_to_tensor(batch)  # Arrays are checked for rows without any number.
            return 0.0 - self.observation(self.posterior(x).mean).element_log_prob(x)

        x = self._rows(frame)
        found = map_batches(scores, x, min(default_batch_size(x.shape[1:]), len(x)))
        return dict(zip(self.schema.names, found.T, strict=True))
