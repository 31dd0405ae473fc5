"""The verbs of a model of tables: to fill in, to draw, and to score rows of columns by name."""

from typing import Any, cast

import keras
import numpy as np
from keras import ops

from keras_vae.acceleration.batching import default_batch_size, map_batches
from keras_vae.base.drawing import join, parts_of
from keras_vae.distributions.columns import CLASSES
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.models.vae import VAE
from keras_vae.tables.conditional import antithetic_noise, draw_rows, expected_rows
from keras_vae.tables.reading import is_missing, values_of
from keras_vae.tables.rejection import AT_ONCE, Condition, check_condition, rows_where
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

    def impute(
        self,
        frame: Any,
        draws: int | None = None,
        seed: int | None = None,
        verbose: Any = "auto",
    ) -> Any:
        """Return a table with values in place of missing ones; the others stay.

        A number becomes its expected value given the known ones, over importance-weighted codes as
        of `VAEImputer`, and a category the most probable one. Draws are samples of all missing
        values together.

        With `missing="self_masking"`, both are given which values are missing, too.

        Args:
            frame: As in `Schema.infer`.
            draws: Number of tables to draw, for multiple imputation; None for the expected one.
            seed: The same seed gives the same draws; None for new ones.
            verbose: 1 for a progress bar, 0 for none, "auto" for one if it takes some seconds.

        Returns:
            A dictionary of columns, or a list of them, one for each draw.
        """
        x, model = self._rows(frame), cast(VAE, self)
        if draws is None:
            found = expected_rows(model, x, noise_of_codes(model), verbose)
            return self._fill(frame, x, found)
        generator = keras.random.SeedGenerator(arguments.seed(seed))
        count = arguments.integer("draws", draws)
        # All draws at once: each row as often as it is drawn.
        found = draw_rows(model, np.tile(x, (count, 1)), SAMPLES, generator, verbose)
        return [self._fill(frame, x, draw) for draw in np.split(found, count)]

    def encoder_outputs(self, x: Tensor, training: bool = False) -> list[Tensor]:
        """Return the outputs of the encoder for an array; raise TypeError for a frame.

        NumPy would leave out the names of its columns, and so their order.
        """
        if hasattr(x, "columns"):
            raise UsageTypeError(
                f"Expected an array of the schema. Received: a {type(x).__name__}. (Write "
                "model.schema.to_array(frame). impute, column_scores, and fit take a frame.)"
            )
        return super().encoder_outputs(x, training)  # type: ignore[misc]

    def missing_mechanism(self) -> dict[str, dict[str, float]]:
        """Return what was learned about missing values, by column, with `missing="self_masking"`.

        Each column has a "slope" and an "offset": a value of u standard deviations above the mean
        of the schema is missing with probability sigmoid(slope * u + offset). Of amounts, u is that
        of their logarithm. The dictionary is empty for `missing="at_random"`.
        """
        model: Any = cast(VAE, self)
        found = [float(ops.convert_to_numpy(weight)) for weight in model.shared_parameters]
        return {
            self.schema.names[place]: {"slope": slope, "offset": offset}
            for place, slope, offset in zip(
                model.family.numbers if found else (), found[::2], found[1::2], strict=True
            )
        }

    def _rows(self, frame: Any) -> np.ndarray:
        """Return the array of a table; raise ValueError if it has no rows."""
        x = self.schema.to_array(frame)
        if not len(x):
            raise UsageError("Expected a table of at least one row. Received: none.")
        return x

    def _fill(self, frame: Any, x: np.ndarray, found: np.ndarray) -> dict[str, list[Any]]:
        """Return the table `frame`, whose array is `x`, with what was found for missing values.

        Known numbers stay as they are, beyond the precision of float32 too.
        """
        filled = self.schema.to_frame(np.where(np.isnan(x), found, x))
        for column in self.schema:
            if column.kind not in (*CLASSES, "date"):
                kind = int if column.kind == "count" else float
                for row, value in enumerate(values_of(frame, column.name)):
                    if not is_missing(value):
                        filled[column.name][row] = kind(value)
        return filled

    def sample_table(
        self,
        count: int,
        seed: int | None = None,
        where: Condition | None = None,
        max_draws: int | None = None,
        verbose: Any = "auto",
    ) -> dict[str, list[Any]]:
        """Return new rows, samples of p(x | z) with z of the prior, as a dictionary of columns.

        With `where`, rows that do not fulfil it are drawn again. To fix values of columns, impute
        a table that has these columns alone.

        Args:
            count: Number of rows.
            seed: The same seed gives the same rows; None for new ones.
            where: Condition such as `lambda columns: columns["age"] > 40`: a function of a
                dictionary of arrays `(rows,)`, to a bool array `(rows,)` of rows to keep. None to
                keep all. Texts of ordinal columns compare by their order in the schema.
            max_draws: Largest number of rows to draw for `where`, at least `count`. None for
                10,000 times `count` and 100,000 more, up to ten million or 20 times `count`.
            verbose: As in `impute`, for the rows of `where`.

        Raises:
            TypeError: If `where` is no function, returns no array of bools, or compares a column
                with a value of another type.
            ValueError: If `where` asks for an unknown column or category, or if too few rows of
                `max_draws` fulfil it. The message has how many did. If that is clear after
                100,000 rows, no more are drawn.
        """
        count = arguments.integer("count", count)
        noise = keras.random.SeedGenerator(arguments.seed(seed))
        if where is None:
            return self.schema.to_frame(self._draw(count, seed, noise))
        check_condition(where)
        if max_draws is not None:
            max_draws = arguments.integer("max_draws", max_draws, count)
        seeds = np.random.default_rng(seed)

        def draw(rows: int) -> Tensor:
            return self._draw(rows, int(seeds.integers(2**31)), noise)

        return self.schema.to_frame(rows_where(draw, self.schema, where, count, max_draws, verbose))

    def _draw(self, count: int, seed: int | None, noise: Any) -> Tensor:
        codes = self.sample_codes(count, seed, 1.0)
        parts = parts_of(count, AT_ONCE)
        return join(self.observation(codes[part]).sample(noise) for part in parts)

    def column_scores(self, frame: Any, verbose: Any = "auto") -> dict[str, np.ndarray]:
        """Return how unusual each value is: -log p(x_c | z) at the mean code, `(rows,)` by column.

        Scores are in nats, and 0 for missing values. With `missing="self_masking"`, they are of
        being known or missing too. Their sum is the reconstruction term of
        `score_terms`.

        Args:
            frame: As in `Schema.infer`.
            verbose: As in `impute`.
        """
        x, rows = self._rows(frame), default_batch_size((len(self.schema),))
        size = min(rows, len(x))
        found = map_batches(lambda batch: value_scores(self, batch), x, size, verbose)
        return dict(zip(self.schema.names, found.T, strict=True))


def noise_of_codes(model: VAE) -> np.ndarray:
    """Return the noise of the codes over which `impute` takes the mean, `(codes, latent_dim)`."""
    return antithetic_noise(SAMPLES, model.latent_shape[0], seed=0)


def value_scores(model: Any, x: Any) -> Tensor:
    """Return -log p(x_c | z) at the mean code for each value, `(rows, columns)`.

    Args:
        model: A VAE of the arrays of a schema.
        x: Rows, `(rows, columns)`, with NaN for missing.
    """
    x = ops.convert_to_tensor(x)  # Arrays are checked for rows without any number.
    return 0.0 - model.observation(model.posterior(x).mean).element_log_prob(x)
