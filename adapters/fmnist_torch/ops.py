"""`ArrayOps` of torch, on any device."""

from typing import Any

import numpy as np
import torch

from fmnist_core.order import index_shuffle


class TorchOps:
    """`ArrayOps` of torch."""

    def __init__(self, device: "torch.device | str" = "cpu") -> None:
        self._device = torch.device(device)
        self._sent: dict[tuple[str, tuple[int, ...], bytes], torch.Tensor] = {}

    def word(self, number: Any) -> torch.Tensor:
        word = np.array([number], np.uint32).view(np.int32)
        return torch.from_numpy(word).to(self._device)

    def words(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return positions.to(torch.int32), (positions >> 32).to(torch.int32)

    def constant(self, table: Any) -> torch.Tensor:
        if self._device.type == "cpu":
            return torch.from_numpy(table if table.flags.writeable else table.copy())
        # By content, because some tables, and views of tables, are made anew for each batch.
        key = table.dtype.str, table.shape, table.tobytes()
        if key not in self._sent:
            self._sent[key] = torch.from_numpy(table.copy()).to(self._device)
        return self._sent[key]

    def arange(self, count: int) -> torch.Tensor:
        return torch.arange(count, dtype=torch.int32, device=self._device)

    def length(self, array: torch.Tensor) -> int:
        return len(array)

    def reshape(self, array: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        return array.reshape(shape)

    def pad(
        self, images: torch.Tensor, widths: tuple[tuple[int, int], ...], fill: int
    ) -> torch.Tensor:
        last_first = [width for pair in reversed(widths) for width in pair]
        return torch.nn.functional.pad(images, last_first, value=fill)

    def mirror(self, images: torch.Tensor, chosen: torch.Tensor, axis: int) -> torch.Tensor:
        mask = chosen.reshape(-1, *[1] * (images.dim() - 1))
        return torch.where(mask, images.flip(axis), images)

    def windows(
        self, images: torch.Tensor, top: torch.Tensor, left: torch.Tensor, size: tuple[int, int]
    ) -> torch.Tensor:
        all_of_them = images.unfold(1, size[0], 1).unfold(2, size[1], 1)
        numbers = torch.arange(len(images), device=self._device)
        selected = all_of_them[numbers, top.long(), left.long()]
        return selected.movedim(1, -1) if images.dim() == 4 else selected

    def take(self, array: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        chosen = array.index_select(0, index.reshape(-1))
        return chosen.reshape(*index.shape, *array.shape[1:])

    def where(self, mask: torch.Tensor, chosen: torch.Tensor, other: Any) -> torch.Tensor:
        return torch.where(mask, chosen, other)

    def clip(self, values: torch.Tensor, low: Any, high: Any) -> torch.Tensor:
        return values.clamp(min=low).clamp(max=high)

    def right(self, values: torch.Tensor, bits: int) -> torch.Tensor:
        return values >> bits

    def rotate(self, words: torch.Tensor, bits: int) -> torch.Tensor:
        return words << bits | (words >> (32 - bits)) & ((1 << bits) - 1)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        return values.sum(-1, dtype=torch.int32)

    def int32(self, values: torch.Tensor) -> torch.Tensor:
        return values.to(torch.int32)

    def uint8(self, values: torch.Tensor) -> torch.Tensor:
        return values.to(torch.uint8)

    def index_shuffle(self, positions: torch.Tensor, n: int, seed: int, epoch: int) -> torch.Tensor:
        shuffled = index_shuffle(positions.cpu().numpy(), n, seed, epoch)
        return torch.from_numpy(shuffled).to(self._device)
