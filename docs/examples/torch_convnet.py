"""Train the ConvNet of keras_convnet.py in a plain torch loop, on the same batches.

python docs/examples/torch_convnet.py --root FOLDER
"""

from collections.abc import Iterable

import common
from rich.progress import track

with common.extra_needed():
    import torch
    from torch import Tensor, nn
    from torch.nn.functional import cross_entropy


class ConvNet(nn.Module):
    """The network; images come with their channels last."""

    def __init__(self, image_shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels_in, size = 1, image_shape
        for channels, pooled in common.CONVOLUTIONS:
            blocks.append(nn.Conv2d(channels_in, channels, 3, padding="same", bias=False))
            if pooled:
                blocks.append(nn.MaxPool2d(2))  # before the rest, for a quarter of the work
                size = tuple(length // 2 for length in size)
            blocks += [nn.BatchNorm2d(channels), nn.ReLU()]
            channels_in = channels
        self.layers = nn.Sequential(
            *blocks,
            nn.Flatten(),
            nn.Dropout(common.DROPOUT),
            nn.Linear(channels_in * size[0] * size[1], common.HIDDEN, bias=False),
            nn.BatchNorm1d(common.HIDDEN),
            nn.ReLU(),
            nn.Dropout(common.DROPOUT),
            nn.Linear(common.HIDDEN, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of each class: (batch, classes)."""
        if self.training:
            mirrored = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
            images = torch.where(mirrored, images.flip(2), images)
        # Channels second in shape, as torch has it, but still last in memory: nothing is copied.
        return self.layers(images.permute(0, 3, 1, 2))


class BothWays(nn.Module):
    """A network whose scores are the mean of another's of an image and of its mirror image."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of each class: (batch, classes)."""
        return (self.model(images) + self.model(images.flip(2))) / 2


@torch.no_grad()
def scores(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: str) -> Tensor:
    """Return the scores of all images: (n, classes)."""
    model.eval()
    return torch.cat([model(images.to(device)) for images, _ in batches]).cpu()


def main() -> None:
    """Train, watch, and test once at the end."""
    args = common.parser(__doc__).parse_args()
    train, val, test = common.data(args)
    options = {"batch_size": args.batch_size, "layout": "NHWC"}
    shuffled = {**options, "shuffle": True, "seed": common.SEED}
    print(f"epoch 0 is {common.digest(train.to('torch', **shuffled))}")

    run = common.Run("torch")
    torch.manual_seed(common.SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = ConvNet(train.image_shape, len(train.classes)).to(device)
    train_batches, val_batches = train.to("torch", **shuffled), val.to("torch", **options)
    optimizer = torch.optim.Adam(model.parameters(), common.LEARNING_RATE)
    steps = args.epochs * len(train_batches)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    val_labels = torch.from_numpy(val.labels.astype("int64"))
    for epoch in range(args.epochs):
        model.train()
        loss_sum = right = torch.zeros((), device=device)
        for images, labels in track(train_batches, f"epoch {epoch + 1}", transient=True):
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = model(images)
            loss = cross_entropy(logits, labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            loss_sum = loss_sum + loss.detach() * len(labels)
            right = right + (logits.argmax(dim=1) == labels).sum()
        val_scores = scores(model, val_batches, device)
        val_loss = cross_entropy(val_scores, val_labels)
        val_accuracy = (val_scores.argmax(dim=1) == val_labels).float().mean()
        run.add(loss_sum / len(train), right / len(train), val_loss, val_accuracy)

    predicted = scores(BothWays(model), test.to("torch", **options), device).argmax(dim=1)
    run.finish(test, predicted.numpy(), args.output)


if __name__ == "__main__":
    main()
