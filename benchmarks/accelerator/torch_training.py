"""Training in PyTorch, as fast as it is known to be: data on the device, fused Adam."""

from collections.abc import Callable
from typing import Any

from benchmarks import network
from benchmarks.accelerator import plan
from benchmarks.accelerator.jax_training import Epochs, example_data
from benchmarks.accelerator.plan import Row


def prepare(row: Row) -> tuple[Epochs, str]:
    """Return a function that trains a number of epochs and returns the loss, and the device."""
    import torch

    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")  # TF32, which JAX takes by itself.
    torch.backends.cudnn.benchmark = True  # Tries kernels, as XLA does.
    torch.backends.cudnn.allow_tf32 = True
    model, loss_of, x = _network(row)
    if row.library == plan.COMPILED:
        loss_of = torch.compile(loss_of)
    if row.library == plan.GRAPHS:
        loss_of = torch.compile(loss_of, mode="reduce-overhead")
    optimizer = torch.optim.Adam(model.parameters(), lr=network.RATE, fused=True)
    half = row.precision == "bfloat16"

    def epoch() -> Any:
        for rows in torch.randperm(row.count, device=row.device).split(row.batch):
            if row.library == plan.GRAPHS:
                torch.compiler.cudagraph_mark_step_begin()
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(row.device, torch.bfloat16, enabled=half):
                loss = loss_of(x[rows])
            loss.backward()
            optimizer.step()
        return loss.detach()

    def epochs(count: int) -> float:
        for _ in range(count):
            loss = epoch()
        return float(loss)

    cuda = row.device == "cuda"
    return epochs, torch.cuda.get_device_name() if cuda else "cpu"


def _network(row: Row) -> tuple[Any, Callable[[Any], Any], Any]:
    """Return the model, the loss of a batch, and the examples, all on the device."""
    import torch

    from benchmarks.peers import families, torch_peers

    family = plan.NETWORKS[row.network].family
    if family is None:
        model = torch_peers.vae()
    else:
        model = families.FAMILIES[family].part("torch_model")(family)
    x = torch.from_numpy(example_data(row)).to(row.device)
    model = model.to(row.device)
    if x.ndim == 4:  # Channels are last in memory, the faster order.
        model, x = model.to(memory_format=torch.channels_last), x.permute(0, 3, 1, 2)
    if family is None:
        return model, lambda batch: torch_peers.loss_of(model, batch), x
    return model, model.loss, x
