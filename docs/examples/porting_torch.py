"""The reference of docs/porting.md: train a small net in torch, and trace it.

python docs/examples/porting_torch.py writes traces/torch.json
"""

import porting
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from fmnist_core.tools.weights import for_torch
from fmnist_core.traces import Trace


class Net(nn.Module):
    """Two convolutions, the first with batch normalisation, and a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False)
        self.dense = nn.Linear(14 * 14 * 16, 10, bias=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return what each layer gives; "dense" has the scores of each class."""
        conv1 = self.conv1(images)
        bn = self.bn(conv1)
        conv2 = self.conv2(relu(bn))
        return {
            "conv1": conv1,
            "bn": bn,
            "conv2": conv2,
            "dense": self.dense(relu(conv2).flatten(1)),
        }


def main() -> None:
    """Train for an epoch, and save what each step computed."""
    net = Net()
    with torch.no_grad():
        for name, weights in porting.first_weights().items():
            laid_out = for_torch(weights, porting.FLATTENED)
            getattr(net, name).weight.copy_(torch.from_numpy(laid_out))
    optimizer = torch.optim.SGD(net.parameters(), porting.LEARNING_RATE, porting.MOMENTUM)
    loader = porting.loader("torch")
    trace = Trace(loader)
    for step, (image, label, _) in enumerate(trace.watch(loader)):
        optimizer.param_groups[0]["lr"] = porting.rate(step)
        optimizer.zero_grad()
        outputs = net(image.permute(0, 3, 1, 2))
        loss = cross_entropy(outputs["dense"], label)
        loss.backward()
        optimizer.step()
        trace.note(**outputs, loss=loss)
        trace.note(running_mean=net.bn.running_mean, running_variance=net.bn.running_var)
    porting.FOLDER.mkdir(exist_ok=True)
    trace.save(porting.FOLDER / "torch.json")


if __name__ == "__main__":
    main()
