"""Training in JAX by hand: an epoch is one compiled scan, convolutions are matrix products.

XLA's own gradients of convolutions are many times slower on CPUs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import network

STRIDE, SIZE = 2, 3


def loop(images: str) -> Callable[[], float]:
    """Train an epoch in one `lax.scan`, with images gathered as bytes."""
    import jax
    from jax import numpy as jnp

    data = jnp.asarray(np.load(images))
    steps = len(data) // network.BATCH
    weights = initial()
    network.check_parameters(sum(w.size for w in jax.tree.leaves(weights)))
    moments = jax.tree.map(jnp.zeros_like, weights)
    state = (weights, moments, moments, jnp.zeros((), "int32"), jax.random.key(0))

    def step(state: Any, rows: Any) -> Any:
        weights, first, second, number, key = state
        key, noise = jax.random.split(key)
        x = data[rows].astype("float32") / 255
        loss, gradient = jax.value_and_grad(loss_of)(weights, x, noise)
        number += 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
        rate = network.RATE * jnp.sqrt(1 - 0.999**number) / (1 - 0.9**number)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, first, second
        )
        return (weights, first, second, number, key), loss

    @jax.jit
    def run(state: Any) -> Any:
        *rest, key = state
        key, order = jax.random.split(key)
        rows = jax.random.permutation(order, len(data))[: steps * network.BATCH]
        return jax.lax.scan(step, (*rest, key), rows.reshape(steps, network.BATCH))

    held = [state]

    def epoch() -> float:
        held[0], losses = run(held[0])
        return float(losses.mean())

    return epoch


def initial() -> dict[str, Any]:
    """Return Glorot's initial weights and zero biases."""
    shapes = {
        "conv 1": (9, 32),
        "conv 2": (9 * 32, 64),
        "hidden": (3136, network.HIDDEN),
        "codes": (network.HIDDEN, 2 * network.LATENT),
        "grow": (network.LATENT, 3136),
        "up 1": (64, 9 * 32),
        "up 2": (32, 9),
    }
    biases = {"up 1": 32, "up 2": 1}
    generator = np.random.default_rng(0)
    made = {}
    for name, (before, after) in shapes.items():
        limit = np.sqrt(6 / (before + after))
        kernel = generator.uniform(-limit, limit, (before, after)).astype("float32")
        made[name] = (kernel, np.zeros(biases.get(name, after), "float32"))
    return made


def loss_of(weights: Any, x: Any, key: Any) -> Any:
    """Return the negative bound of a batch."""
    import jax
    from jax import numpy as jnp

    h = jax.nn.relu(convolve(x, *weights["conv 1"]))
    h = jax.nn.relu(convolve(h, *weights["conv 2"])).reshape(len(x), -1)
    h = jax.nn.relu(_dense(h, weights["hidden"]))
    mean, log_var = jnp.split(_dense(h, weights["codes"]), 2, axis=1)
    z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
    h = jax.nn.relu(_dense(z, weights["grow"])).reshape(-1, 7, 7, 64)
    h = jax.nn.relu(convolve_transpose(h, *weights["up 1"]))
    logits = convolve_transpose(h, *weights["up 2"])
    entropy = jnp.sum(jax.nn.softplus(logits) - x * logits)
    divergence = 0.5 * jnp.sum(jnp.square(mean) + jnp.exp(log_var) - 1.0 - log_var)
    return (entropy + divergence) / len(x)


def _dense(x: Any, layer: Any) -> Any:
    return x @ layer[0] + layer[1]


def convolve(x: Any, kernel: Any, bias: Any) -> Any:
    """Convolve maps of even size: 3x3, stride 2, "same" padding."""
    from jax import numpy as jnp

    height, width = x.shape[1] // STRIDE, x.shape[2] // STRIDE
    x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
    shifts = [(i, j) for i in range(SIZE) for j in range(SIZE)]
    parts = [
        x[:, i : i + STRIDE * height : STRIDE, j : j + STRIDE * width : STRIDE] for i, j in shifts
    ]
    return jnp.concatenate(parts, axis=-1) @ kernel + bias


def convolve_transpose(x: Any, kernel: Any, bias: Any) -> Any:
    """Apply the transposed convolution: one matrix product, then a sum of nine shifted maps."""
    import jax
    from jax import numpy as jnp

    batch, height, width, _ = x.shape
    products = (x @ kernel).reshape(batch, height, width, SIZE * SIZE, len(bias))
    total = jnp.zeros((), x.dtype)
    for i in range(SIZE):
        for j in range(SIZE):
            low, high = (0, 0, 0), (0, 0, 0)
            axes = (low, (i, SIZE - 1 - i, 1), (j, SIZE - 1 - j, 1), high)
            total += jax.lax.pad(products[:, :, :, SIZE * i + j], jnp.zeros((), x.dtype), axes)
    return total[:, : STRIDE * height, : STRIDE * width] + bias
