"""Train the recipe's ResNet in torch.

python docs/examples/torch_resnet.py --root FOLDER --output results/torch
"""

import common
import numpy as np
import recipe
from numpy.typing import NDArray

from fmnist_core.tools.weights import for_torch

with common.extra_needed():
    import torch
    from torch import Tensor, nn
    from torch.nn.functional import cross_entropy, max_pool2d, relu


def conv(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    """Return a convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)


def norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch normalisation; torch's momentum is the new value's share."""
    epsilon, momentum = recipe.BATCH_NORM["epsilon"], 1 - recipe.BATCH_NORM["momentum"]
    return nn.BatchNorm2d(channels, epsilon, momentum)


class Block(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv(inputs, outputs), norm(outputs)
        self.conv2, self.norm2 = conv(outputs, outputs), norm(outputs)
        self.shortcut = conv(inputs, outputs, 1) if inputs != outputs else None
        self.norm3 = norm(outputs) if inputs != outputs else None

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size, with the output's channels."""
        added = features if self.shortcut is None else self.norm3(self.shortcut(features))
        features = relu(self.norm1(self.conv1(features)))
        return relu(self.norm2(self.conv2(features)) + added)


class ResNet(nn.Module):
    """The recipe's net."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem, self.norm = conv(1, recipe.STEM), norm(recipe.STEM)
        channels = recipe.STEM
        for number, (outputs, _) in enumerate(recipe.BLOCKS, start=1):
            self.add_module(f"block{number}", Block(channels, outputs))
            channels = outputs
        self.dense = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of each class: (batch, classes)."""
        features = relu(self.norm(self.stem(images)))
        for number, (_, halved) in enumerate(recipe.BLOCKS, start=1):
            features = max_pool2d(features, 2) if halved else features
            features = self.get_submodule(f"block{number}")(features)
        return self.dense(features.mean(dim=(2, 3)))


class Learner:
    """The net with its first weights, and its optimizer."""

    def __init__(self, num_classes: int, steps: int) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.net = ResNet(num_classes)
        with torch.no_grad():
            nn.init.zeros_(self.net.dense.bias)
            for name, weights in recipe.first_weights(num_classes).items():
                layer = self.net.get_submodule(name)
                layer.weight.copy_(torch.from_numpy(for_torch(weights)))
        # Channels stay first: last, they are faster on a CPU, but in torch 2.13 the gradients of
        # float32 convolutions are then 2 % from those of float64, not 1e-4.
        self.net.to(self.device)
        self.optimizer = torch.optim.SGD(
            self.net.parameters(),
            recipe.LEARNING_RATE,
            recipe.MOMENTUM,
            weight_decay=recipe.DECAY,
            nesterov=True,
        )
        self.velocities = [torch.zeros_like(weight) for weight in self.net.parameters()]
        for weight, velocity in zip(self.net.parameters(), self.velocities, strict=True):
            self.optimizer.state[weight]["momentum_buffer"] = velocity
        self.count, self.steps = torch.zeros((), dtype=torch.int64), steps

    def step(self, images: Tensor, labels: Tensor) -> tuple[float, int]:
        """Take a step; return the mean loss before it, and the number of correct predictions."""
        self.net.train()
        labels = labels.to(self.device)
        self.optimizer.param_groups[0]["lr"] = recipe.rate(int(self.count), self.steps)
        self.optimizer.zero_grad()
        scores = self.net(images.to(self.device))
        loss = cross_entropy(scores, labels)
        loss.backward()
        self.optimizer.step()
        self.count += 1
        return loss.item(), int((scores.argmax(dim=1) == labels).sum())

    @torch.no_grad()
    def scores(self, images: Tensor) -> NDArray[np.float32]:
        """Return the scores of each class: (batch, classes)."""
        self.net.eval()
        return self.net(images.to(self.device)).cpu().numpy()

    def tensors(self) -> list[Tensor]:
        """Return all that the next step depends on."""
        return [*self.net.state_dict().values(), *self.velocities, self.count]

    def arrays(self) -> recipe.Arrays:
        """Return the same as arrays."""
        return [tensor.cpu().numpy() for tensor in self.tensors()]

    def restore(self, arrays: recipe.Arrays) -> None:
        """Continue from what `arrays` returned."""
        recipe.assigned(self.tensors(), map(torch.from_numpy, arrays), Tensor.copy_)


if __name__ == "__main__":
    recipe.run("torch", "torch", recipe.parser(__doc__).parse_args(), Learner)
