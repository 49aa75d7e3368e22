"""A dataset on a torch device, and its batches made there; used by fmnist_torch."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from fmnist_core.batch import SENT_AT_ONCE, VIEWS, Arrays, Assembler, transformed_fields
from fmnist_core.plan import BLOCK_EXAMPLES, BatchPlan, Field
from fmnist_torch.ops import TorchOps

TorchBatch = tuple[torch.Tensor, ...]

ACCELERATOR_EXAMPLES = 2**13
"""Examples made at once on an accelerator, where each call costs more than it computes."""


class DeviceBatches:
    """The data of a dataset on a device.

    Parameters
    ----------
    assemble : Assembler
        Makes the batches: it has dataset, fields and encoding.
    device : torch.device
    """

    def __init__(self, assemble: Assembler, device: torch.device) -> None:
        dataset = assemble.dataset
        self._plan = assemble.plan
        self._encoding = assemble.encoding
        self._device = device
        self._ops = TorchOps(device)
        self._images = self._sent(np.array(dataset.images, dataset.image_dtype))
        # One-hot rows are made here too: 40 bytes for each example of ten classes.
        labels = self._encoding.encode_labels(dataset.labels, len(dataset.classes))
        self._labels = self._sent(labels)
        self._places = self._sent(np.array(dataset.indices))
        if dataset.extended is not None and "extended" in self._plan.fields:
            self._extended = self._sent(dataset.extended.astype(np.int32))
        # Arrays of one axis, because torch multiplies by the inverse of a plain number.
        self._scale = [
            self._sent(np.array(number, np.float32).reshape(-1))
            for number in (255, *self._encoding.constants)
        ]
        self._table = to_tensor(self._encoding.table.copy()).to(device)
        pixels = torch.arange(256, dtype=torch.uint8, device=device)
        if self._encoding.is_per_channel:
            pixels = pixels[:, None].expand(self._table.shape)
        self._by_arithmetic = self._encoding.scale == "raw" or _same_bits(
            self._calculated(pixels), self._table
        )

    def _sent(self, array: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)

    def epoch(self, plan: BatchPlan, epoch: int, start: int) -> Iterator[TorchBatch]:
        """Yield the batches of one epoch; those made at once are views of the same memory."""
        on_cpu = self._device.type == "cpu"
        num_batches = max(
            (BLOCK_EXAMPLES if on_cpu else ACCELERATOR_EXAMPLES) // plan.batch_size, 1
        )
        blocks = plan.blocks(epoch, start, SENT_AT_ONCE)

        def batches() -> Iterator[TorchBatch]:
            for block in blocks:
                positions, rows = self._sent(block.positions), self._sent(block.rows.copy())
                for first in range(0, len(rows), num_batches):
                    part = slice(first, first + num_batches)
                    joined = self._batch(epoch, positions[part].reshape(-1), rows[part].reshape(-1))
                    yield from _parts(joined, rows.shape[1])

        return batches()

    def _batch(self, epoch: int, positions: torch.Tensor, rows: torch.Tensor) -> TorchBatch:
        """Return the batch of some examples, as in `plan.Examples`, on the device."""
        transformed = self._transformed(epoch, positions, rows) if self._encoding.transform else {}
        return tuple(
            transformed[field] if field in transformed else self._field(field, positions, rows)
            for field in self._plan.fields
        )

    def _field(self, field: Field, positions: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        if field in VIEWS:
            return self._encoded_images(self._images[rows])
        if field == "label":
            return self._labels[rows]
        if field == "index":
            return self._places[rows]
        if field == "extended":
            return self._extended[rows]
        return (positions < self._plan.num_examples).to(torch.float32)

    def _transformed(
        self, epoch: int, positions: torch.Tensor, rows: torch.Tensor
    ) -> dict[Field, torch.Tensor]:
        """Return the fields that transforms decide, as `Assembler` does."""
        plan, chain = self._plan, self._encoding.transform
        within = positions % max(plan.num_examples, 1)

        def gather(requested_positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
            originals = rows
            if requested_positions is not within:
                originals = self._sent(plan.rows_at(requested_positions.cpu().numpy(), epoch))
            return self._images[originals], self._labels[originals] if chain.mix else None

        return transformed_fields(
            chain, self._ops, gather, within, plan, epoch, self._encoded_images
        )

    def _encoded_images(self, images: torch.Tensor) -> torch.Tensor:
        pixels = self._encoding.with_channels(images)
        arranged: torch.Tensor = self._encoding.arrange(self._encoded(pixels))
        return arranged.contiguous()

    def _encoded(self, pixels: torch.Tensor) -> torch.Tensor:
        if self._by_arithmetic:
            return self._calculated(pixels)
        if self._encoding.is_per_channel:
            channels = torch.arange(pixels.shape[-1], device=self._device)
            return self._table[pixels.long(), channels]
        return self._table[pixels.long()]

    def _calculated(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return pixels, encoded as `Encoding.encode_pixels` does.

        The divisors are tensors: on some devices torch would multiply by the inverse of a number.
        """
        dtype = self._table.dtype
        if self._encoding.scale == "raw":
            return pixels.to(dtype, copy=True)
        values = pixels.to(torch.float32).div_(self._scale[0])
        if self._encoding.scale == "standard":
            values.sub_(self._scale[1]).div_(self._scale[2])
        return values.to(dtype)


def _parts(block: TorchBatch, size: int) -> Iterator[TorchBatch]:
    """Return the batches of a block, each in its own part of the same memory.

    Detached, because autograd forbids in-place writes to views of one block.
    """
    split = (torch.split(tensor, size) for tensor in block)
    return (tuple(tensor.detach() for tensor in batch) for batch in zip(*split, strict=True))


def to_tensor(array: NDArray[np.generic]) -> torch.Tensor:
    """Return a tensor in the array's memory; torch.from_numpy does not know bfloat16."""
    if array.dtype.kind == "V":  # reading its name takes longer
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def to_tensors(arrays: Arrays) -> TorchBatch:
    """Return the tensors of a batch in the memory of its arrays."""
    return tuple(map(to_tensor, arrays))


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    bits, other_bits = (tensor.cpu().view(torch.uint8) for tensor in (one, other))
    return bool((bits == other_bits).all())
