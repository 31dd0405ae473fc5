"""The verbs of a model of tables: to fill in, to draw, and to score rows of columns by name."""

from collections.abc import Callable
from typing import Any, cast

import keras
import numpy as np
from keras import ops

from keras_vae.acceleration.batching import default_batch_size, map_batches
from keras_vae.base.drawing import join, parts_of
from keras_vae.distributions.columns import CLASSES
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.models.vae import VAE
from keras_vae.tables import dates
from keras_vae.tables.conditional import antithetic_noise, draw_rows, expected_rows
from keras_vae.tables.reading import is_missing, values_of
from keras_vae.tables.schema import Schema
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# Codes of a row in imputation, of which one is drawn or all are averaged by their weights.
SAMPLES = 100
# Rows that are drawn for one that fulfils a condition, and at least; and rows drawn at once.
TRIES, FEWEST_TRIES, MOST_AT_ONCE = 10_000, 100_000, 100_000


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

        With `missing="self_masking"`, both are given which values are missing, too.

        Args:
            frame: As in `Schema.infer`.
            draws: Number of tables to draw, for multiple imputation; None for the expected one.
            seed: The same seed gives the same draws; None for new ones.

        Returns:
            A dictionary of columns, or a list of them, one for each draw.
        """
        x, model = self._rows(frame), cast(VAE, self)
        if draws is None:
            return self._fill(frame, x, expected_rows(model, x, noise_of_codes(model)))
        generator = keras.random.SeedGenerator(arguments.seed(seed))
        count = arguments.integer("draws", draws)
        # All draws at once: each row as often as it is drawn.
        found = draw_rows(model, np.tile(x, (count, 1)), SAMPLES, generator)
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
        where: Callable[[dict[str, np.ndarray]], Any] | None = None,
    ) -> dict[str, list[Any]]:
        """Return new rows, samples of p(x | z) with z of the prior, as a dictionary of columns.

        With `where`, rows that do not fulfil it are drawn again. To fix values of columns, impute
        a table that has these columns alone.

        Args:
            count: Number of rows.
            seed: The same seed gives the same rows; None for new ones.
            where: Condition such as `lambda columns: columns["age"] > 40`: a function of a
                dictionary of arrays `(rows,)`, to a bool array `(rows,)` of rows to keep. None to
                keep all.

        Raises:
            TypeError: If `where` is no function, or returns no array of bools.
            ValueError: If fewer than one row in about 10,000 fulfils `where`.
        """
        count = arguments.integer("count", count)
        noise = keras.random.SeedGenerator(arguments.seed(seed))
        if where is None:
            return self.schema.to_frame(self._draw(count, seed, noise))
        if not callable(where):
            raise UsageTypeError(
                "Expected where to be a function of a dictionary of columns. Received: "
                f"{where!r:.80}. (Write where=lambda columns: columns['age'] > 40.)"
            )
        seeds = np.random.default_rng(seed)
        kept: list[np.ndarray] = []
        found, drawn, size = 0, 0, min(MOST_AT_ONCE, 2 * count)
        while found < count:
            if drawn >= TRIES * count + FEWEST_TRIES:
                raise UsageError(
                    f"Expected where to keep some rows. Received: {found} of {drawn} rows kept, of "
                    f"{count} to draw. (Loosen it, or train on rows that fulfil it.)"
                )
            x = ops.convert_to_numpy(self._draw(size, int(seeds.integers(2**31)), noise))
            kept.append(x[_fulfils(where, self.schema.to_frame(x))])
            found, drawn = found + len(kept[-1]), drawn + size
            size = min(MOST_AT_ONCE, 2 * size)
        return self.schema.to_frame(np.concatenate(kept)[:count])

    def _draw(self, count: int, seed: int | None, noise: Any) -> Tensor:
        codes = self.sample_codes(count, seed, 1.0)
        parts = parts_of(count, MOST_AT_ONCE)
        return join(self.observation(codes[part]).sample(noise) for part in parts)

    def column_scores(self, frame: Any) -> dict[str, np.ndarray]:
        """Return how unusual each value is: -log p(x_c | z) at the mean code, `(rows,)` by column.

        Scores are in nats, and 0 for missing values. With `missing="self_masking"`, they are of
        being known or missing too. Their sum is the reconstruction term of
        `score_terms`.

        Args:
            frame: As in `Schema.infer`.
        """
        x, rows = self._rows(frame), default_batch_size((len(self.schema),))
        found = map_batches(lambda batch: value_scores(self, batch), x, min(rows, len(x)))
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


def _fulfils(where: Callable[[dict[str, np.ndarray]], Any], frame: dict[str, list]) -> np.ndarray:
    """Return which rows of a table a condition keeps; raise an error for another answer."""
    columns = {name: _as_array(values) for name, values in frame.items()}
    kept, rows = np.asarray(where(columns)), len(next(iter(columns.values())))
    if kept.dtype != bool or kept.shape != (rows,):
        raise UsageTypeError(
            f"Expected where to return bools of shape ({rows},), one for each row. Received: "
            f"{kept.dtype} of shape {kept.shape}. (Join conditions by & and |.)"
        )
    return kept


def _as_array(values: list[Any]) -> np.ndarray:
    """Return the values of a column, dates as those of NumPy."""
    return np.array(values, "datetime64[us]" if dates.are_dates(values) else None)
