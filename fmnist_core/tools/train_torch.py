"""Train the ConvNet of `fmnist demo` in PyTorch."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fmnist_core.dataset import Dataset
from fmnist_core.tools.recipe import (
    BATCH_SIZE,
    CHANNELS,
    KERNEL_SIZE,
    LEARNING_RATE,
    POOL_SIZE,
    SEED,
    Trained,
    first_weights,
    flattened_shape,
)
from fmnist_core.tools.weights import for_torch


def train(train: Dataset, test: Dataset, report: Callable[[int], None]) -> Trained:
    """Train for one epoch, then test.

    Parameters
    ----------
    train, test : Dataset
    report : callable
        Called with the number of examples, train or test, that are newly done.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = convnet(train.image_shape, len(train.classes)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    loader = train.to("torch", batch_size=BATCH_SIZE, shuffle=True, seed=SEED)
    steps = len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    losses = []
    for images, labels in loader:
        optimizer.zero_grad()
        loss = cross_entropy(model(images.to(device)), labels.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        report(len(labels))
    return Trained(losses, accuracy(model, test, device, report))


def convnet(image_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Return the network with its first weights."""
    first, second = CHANNELS
    height, width, channels = features = flattened_shape(image_shape)
    model = nn.Sequential(
        nn.Conv2d(1, first, KERNEL_SIZE, padding="same"),
        nn.MaxPool2d(POOL_SIZE),
        nn.ReLU(),
        nn.Conv2d(first, second, KERNEL_SIZE, padding="same"),
        nn.MaxPool2d(POOL_SIZE),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(height * width * channels, num_classes),
    )
    weights = iter(first_weights(image_shape, num_classes).values())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                parameter.copy_(torch.from_numpy(for_torch(next(weights), features)))
            else:
                parameter.zero_()
    return model


@torch.no_grad()
def accuracy(model: nn.Module, test: Dataset, device: str, report: Callable[[int], None]) -> float:
    """Return the share of images that the network classifies correctly."""
    right = 0
    for images, labels in test.to("torch", batch_size=BATCH_SIZE):
        predicted = model(images.to(device)).argmax(dim=1)
        right += int((predicted.cpu() == labels).sum())
        report(len(labels))
    return right / len(test)
