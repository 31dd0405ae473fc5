"""Training in PyTorch: the common loop, the fastest one that was found, and pythae's trainer."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import network


def loader_loop(images: str) -> Callable[[], float]:
    """Train with a `DataLoader` over a `TensorDataset` of floats, `Adam`, and a loop."""
    import torch

    torch.manual_seed(0)
    model = vae()
    optimizer = torch.optim.Adam(model.parameters(), lr=network.RATE)
    data = torch.utils.data.TensorDataset(_floats(images))
    loader = torch.utils.data.DataLoader(data, batch_size=network.BATCH, shuffle=True)

    def epoch() -> float:
        total = 0.0
        for (x,) in loader:
            optimizer.zero_grad()
            loss = loss_of(model, x)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        return total / len(data)

    return epoch


def fastest(images: str) -> Callable[[], float]:
    """Train with slices of a tensor in memory, channels last, and fused Adam."""
    import torch

    torch.manual_seed(0)
    model = vae().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=network.RATE, fused=True)
    data = _floats(images).contiguous(memory_format=torch.channels_last)

    def epoch() -> float:
        total = torch.zeros(())
        for rows in torch.randperm(len(data)).split(network.BATCH):
            x = data[rows].contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model, x)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(x)
        return float(total) / len(data)

    return epoch


def pythae_trainer(images: str) -> Callable[[], float]:
    """Train an epoch with pythae's `BaseTrainer`, without its checkpoints and logs."""
    import logging

    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)
    torch.manual_seed(0)
    own = vae()

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.latent_dim = network.LATENT
            self.network = own.encoder

        def forward(self, x: Any) -> Any:
            mean, log_var = self.network(x).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_var)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.network = own.decoder

        def forward(self, z: Any) -> Any:
            return ModelOutput(reconstruction=torch.sigmoid(self.network(z)))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=network.LATENT, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(), decoder=Decoder())
    data = _floats(images)
    folder = tempfile.mkdtemp(dir=Path.cwd())
    trainer = BaseTrainer(
        model,
        BaseDataset(data, torch.zeros(len(data))),
        training_config=BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=network.BATCH,
            learning_rate=network.RATE,
            no_cuda=True,
        ),
    )
    trainer.prepare_training()
    numbers = iter(range(1, 1_000_000))
    return lambda: float(trainer.train_step(next(numbers)))


def vae() -> Any:
    """Build the network in PyTorch, `forward(x)` to `(logits, mean, log_var)`."""
    from torch import nn

    class Autoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(1, 32, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(32, 64, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(3136, network.HIDDEN),
                nn.ReLU(),
                nn.Linear(network.HIDDEN, 2 * network.LATENT),
            )
            self.decoder = nn.Sequential(
                nn.Linear(network.LATENT, 3136),
                nn.ReLU(),
                nn.Unflatten(1, (64, 7, 7)),
                nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
                nn.ReLU(),
                nn.ConvTranspose2d(32, 1, 3, stride=2, padding=1, output_padding=1),
            )

        def forward(self, x: Any) -> Any:
            import torch

            mean, log_var = self.encoder(x).chunk(2, dim=1)
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            return self.decoder(z), mean, log_var

    model = Autoencoder()
    network.check_parameters(sum(p.numel() for p in model.parameters()))
    return model


def loss_of(model: Any, x: Any) -> Any:
    """Return the negative bound of a batch."""
    import torch
    from torch.nn import functional

    logits, mean, log_var = model(x)
    entropy = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
    return (entropy + divergence) / len(x)


def _floats(images: str) -> Any:
    import torch

    data = np.load(images).astype("float32") / 255
    return torch.from_numpy(data).permute(0, 3, 1, 2).contiguous()
