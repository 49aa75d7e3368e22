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
    MOMENTUM,
    POOL_SIZE,
    SEED,
)


def train(train: Dataset, test: Dataset, report: Callable[[int], None]) -> float:
    """Train for one epoch and return the accuracy on the test images.

    Parameters
    ----------
    train, test : Dataset
    report : callable
        Called with the number of examples, train or test, that are newly done.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(SEED)
    model = convnet(train.image_shape, len(train.classes)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    for images, labels in train.to("torch", batch_size=BATCH_SIZE, shuffle=True, seed=SEED):
        optimizer.zero_grad()
        cross_entropy(model(images.to(device)), labels.to(device)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report(len(labels))
    return accuracy(model, test, device, report)


def convnet(image_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Return the network with its first weights."""
    first, second = CHANNELS
    height, width = (size // POOL_SIZE // POOL_SIZE for size in image_shape)
    model = nn.Sequential(
        nn.Conv2d(1, first, KERNEL_SIZE, padding="same"),
        nn.MaxPool2d(POOL_SIZE),
        nn.ReLU(),
        nn.Conv2d(first, second, KERNEL_SIZE, padding="same"),
        nn.MaxPool2d(POOL_SIZE),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(height * width * second, num_classes),
    )
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    return model


@torch.no_grad()
def accuracy(model: nn.Module, test: Dataset, device: str, report: Callable[[int], None]) -> float:
    """Return the share of images that the network classifies rightly."""
    right = 0
    for images, labels in test.to("torch", batch_size=BATCH_SIZE):
        predicted = model(images.to(device)).argmax(dim=1)
        right += int((predicted.cpu() == labels).sum())
        report(len(labels))
    return right / len(test)
