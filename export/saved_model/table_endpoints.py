"""Endpoints of tables that take one tensor for each column, by its name, as clients have them."""

import keyword
import re
from collections.abc import Callable, Mapping
from typing import cast

import keras
import numpy as np
from keras import ops

from keras_vae.base.endpoint import Endpoint
from keras_vae.distributions.columns import Column
from keras_vae.export.saved_model.table_graph import is_text, labels_of, to_array, to_columns
from keras_vae.models.vae import VAE
from keras_vae.tables.conditional import expected_values
from keras_vae.tables.dates import from_days
from keras_vae.tables.schema import Schema
from keras_vae.tables.verbs import TableVerbs, noise_of_codes, value_scores
from keras_vae.typing import LatentModel, Tensor

# Endpoints of arrays, with that of tables that a file has if it has them.
OF_TABLES = {"reconstruct": "impute_table", "encode": "encode_table", "score": "score_table"}


class TableEndpoint(Endpoint):
    """An endpoint whose inputs are the columns of a table. NaN and the empty text are missing."""

    def answer(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return the outputs of `function`, which takes missing values."""
        return self.function(*inputs)


def table_endpoints(
    model: LatentModel, endpoints: Mapping[str, Endpoint]
) -> dict[str, TableEndpoint]:
    """Return the endpoints of tables that go with those of arrays; none for models of other data.

    Args:
        model: The model.
        endpoints: The endpoints of arrays, by name.
    """
    if not isinstance(model, TableVerbs):
        return {}
    vae = cast(VAE, model)
    columns, names = model.schema.columns, input_names(model.schema)
    inputs = tuple(
        keras.InputSpec(shape=(None,), dtype="string" if is_text(column) else "float32", name=name)
        for name, column in zip(names, columns, strict=True)
    )

    def by_column(function: Callable[[Tensor], dict[str, Tensor]]) -> TableEndpoint:
        return TableEndpoint(lambda *values: function(to_array(columns, values)), inputs)

    def impute(x: Tensor) -> dict[str, Tensor]:
        found = expected_values(vae, x, noise_of_codes(vae))
        filled = to_columns(columns, ops.where(ops.isnan(x), found, x))
        return dict(zip(names, filled, strict=True))

    def score(x: Tensor) -> dict[str, Tensor]:
        each = ops.unstack(value_scores(model, x), axis=1)
        named = {f"score_{name}": one for name, one in zip(names, each, strict=True)}
        return {**endpoints["score"].answer(x), **named}

    functions: dict[str, Callable[[Tensor], dict[str, Tensor]]] = {
        "impute_table": impute,
        "encode_table": lambda x: endpoints["encode"].answer(x),
        "score_table": score,
    }
    chosen = [table for array, table in OF_TABLES.items() if array in endpoints]
    return {name: by_column(functions[name]) for name in chosen}


def input_names(schema: Schema) -> list[str]:
    """Return a name for each column that TensorFlow takes: "annual_rent" for "annual rent".

    All but letters and digits of ASCII becomes `_`. A name that begins otherwise than with a
    letter, and a word of Python such as "class", gets `column_` in front. One that is there already
    gets a number behind.
    """
    names: list[str] = []
    for column in schema:
        name = re.sub("[^A-Za-z0-9]", "_", column.name)
        if not name[:1].isalpha() or name == "self" or keyword.iskeyword(name):
            name = f"column_{name}"
        taken = {known.lower() for known in names}  # TensorFlow looks at small letters alone.
        others = (f"{name}_{number}" for number in range(2, len(schema) + 2))
        names.append(next(n for n in (name, *others) if n.lower() not in taken))
    return names


def table_requests(
    model: LatentModel, endpoints: Mapping[str, Endpoint], x: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """Return the inputs of those endpoints that are of tables, for rows `(rows, columns)`."""
    if not isinstance(model, TableVerbs):
        return {}
    columns = {
        name: _texts(column, values) if is_text(column) else values
        for name, column, values in zip(input_names(model.schema), model.schema, x.T, strict=True)
    }
    return {name: columns for name, one in endpoints.items() if isinstance(one, TableEndpoint)}


def _texts(column: Column, values: np.ndarray) -> np.ndarray:
    """Return values of a column of an array as texts, bytes objects, and empty ones for NaN."""
    labels = labels_of(column)

    def text(number: float) -> bytes:
        if np.isnan(number):
            return b""
        if column.kind == "date":
            return from_days(number).date().isoformat().encode()
        return labels[int(number)].encode()

    return np.array([text(number) for number in values.tolist()], object)
