"""The base that torchvision gives its datasets, for machines without torchvision."""

import os
from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset as TorchDataset

from fmnist_core.errors import OptionError

Transform = Callable[[Any], Any]
PairTransform = Callable[[Any, Any], tuple[Any, Any]]


class StandardTransform:
    """A transform of the image and one of the label, combined."""

    def __init__(
        self, transform: Transform | None = None, target_transform: Transform | None = None
    ) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, image: Any, target: Any) -> tuple[Any, Any]:
        """Return both, transformed."""
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        for head, transform in (
            ("Transform: ", self.transform),
            ("Target transform: ", self.target_transform),
        ):
            if transform is not None:
                lines.append(head + repr(transform).replace("\n", "\n" + " " * len(head)))
        return "\n".join(lines)


class VisionDataset(TorchDataset[tuple[Any, Any]]):
    """A map-style dataset with a root folder and transforms.

    Parameters
    ----------
    root : path
    transforms : callable, optional
        Applied to an image and its label together; excludes the other two.
    transform, target_transform : callable, optional
        Applied to an image, and to a label.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transforms: PairTransform | None = None,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        if transforms and (transform or target_transform):
            raise OptionError("expected transforms, or transform and target_transform, not both")
        if transform or target_transform:
            transforms = StandardTransform(transform, target_transform)
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        self.transforms = transforms
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        """Return the number of examples."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Return more lines for `repr`."""
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}", f"Root location: {self.root}"]
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines.append(repr(self.transforms))
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])
