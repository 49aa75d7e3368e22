"""A second adapter, written in small methods that a planted fault can override."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_core import BatchPlan, Dataset, Encoding
from fmnist_core.batch import resolve, values_of
from fmnist_core.encoding import Layout
from fmnist_core.transforms import NUMPY, Chain

Array = NDArray[Any]


class Sound:
    """A second adapter, written in small methods that a fault can override."""

    name = "sound"
    layout: Layout = "NHW"
    label_dtype: Literal["int32", "int64"] = "int32"
    writable = True

    def loader(
        self,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        *,
        epoch: int = 0,
        start: int = 0,
    ) -> Any:
        plan.check_use(len(dataset), epoch, start)
        return Loader(
            self, dataset, plan, resolve(encoding, dataset, plan.fields, self), epoch, start
        )

    def to_numpy(self, batch: Any) -> Any:
        return values_of(batch)

    def iterate(self, loader: "Loader") -> Iterator[Any]:
        n, loader.begun = loader.begun, loader.begun + 1
        yield from self.batches(loader, n)

    def length(self, loader: "Loader") -> int:
        return self.steps(loader.plan, self.start(loader.start, loader.begun))

    def batches(self, loader: "Loader", n: int) -> Iterator[Any]:
        start = self.start(loader.start, n)
        for step in range(self.steps(loader.plan, start)):
            yield self.batch(loader, self.epoch(loader.epoch, n), step, start)

    def batch(self, loader: "Loader", epoch: int, step: int, start: int) -> Any:
        rows = self.rows(loader.plan, epoch, step, start)
        makers: dict[str, Callable[[], Array]] = {
            "image": lambda: self.encoded(self.images(loader.dataset, rows), loader.encoding),
            "view": lambda: self.encoded(self.images(loader.dataset, rows), loader.encoding),
            "label": lambda: self.labels(loader.dataset, rows, loader.encoding),
            "weight": lambda: self.weights(loader.plan, step, start),
            "index": lambda: self.index(loader.dataset, rows),
            "extended": lambda: self.extended(loader.dataset, rows),
        }
        if loader.encoding.transform:
            transformed = self.transformed(loader, epoch, step, start)
            makers |= {field: lambda field=field: transformed[field] for field in transformed}  # type: ignore[misc]
        return self.pack(loader.plan, [makers[field]() for field in self.fields(loader.plan)])

    def pack(self, plan: BatchPlan, values: Any) -> Any:
        return plan.pack(values)

    def transformed(self, loader: "Loader", epoch: int, step: int, start: int) -> dict[str, Array]:
        plan, encoding = loader.plan, loader.encoding
        rows, drawn = self.rows(plan, epoch, step, start), self.drawn(plan, epoch, step, start)

        def gather(positions: NDArray[np.int64]) -> tuple[Array, Array]:
            places = rows if positions is drawn else self.partners(plan, rows, positions, epoch)
            return self.images(loader.dataset, places), self.labels(
                loader.dataset, places, encoding
            )

        values = {}
        for view, field in enumerate(("image", "view")):
            images, labels = self.chain(encoding.transform).batch(
                NUMPY,
                gather,
                drawn,
                n=plan.num_examples,
                seed=self.drawn_seed(plan),
                epoch=self.drawn_epoch(epoch),
                view=self.view(view),
            )
            values[field] = self.encoded(images, encoding)
            if encoding.transform.mix and not view:
                values["label"] = self.mixed(labels)
        return values

    def drawn(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        return plan.positions(step, start) % plan.num_examples

    def drawn_seed(self, plan: BatchPlan) -> int:
        return plan.seed

    def drawn_epoch(self, epoch: int) -> int:
        return epoch

    def view(self, view: int) -> int:
        return view

    def chain(self, chain: Chain) -> Chain:
        return chain

    def partners(self, plan: BatchPlan, rows: Array, positions: Array, epoch: int) -> Array:
        return plan.rows_at(positions, epoch)

    def mixed(self, labels: Array) -> Array:
        return labels

    def epoch(self, first: int, n: int) -> int:
        return first + n

    def start(self, start: int, n: int) -> int:
        return start if n == 0 else 0

    def steps(self, plan: BatchPlan, start: int) -> int:
        return plan.num_steps(start)

    def rows(self, plan: BatchPlan, epoch: int, step: int, start: int) -> NDArray[np.int64]:
        return plan.indices(epoch, step, start)

    def fields(self, plan: BatchPlan) -> Any:
        return plan.fields

    def images(self, dataset: Dataset, rows: NDArray[np.int64]) -> Array:
        return dataset.source.images_at(dataset.original_rows(rows))

    def encoded(self, images: Array, encoding: Encoding) -> Array:
        return self.arrange(self.pixels(self.channels(images, encoding), encoding), encoding)

    def channels(self, images: Array, encoding: Encoding) -> Array:
        return encoding.with_channels(images)  # type: ignore[no-any-return]

    def pixels(self, images: Array, encoding: Encoding) -> Array:
        return encoding.encode_pixels(images)

    def arrange(self, images: Array, encoding: Encoding) -> Array:
        arranged = encoding.arrange(images)
        return arranged if arranged.flags.c_contiguous else arranged.copy()

    def labels(self, dataset: Dataset, rows: NDArray[np.int64], encoding: Encoding) -> Array:
        labels = dataset.source.labels_at(dataset.original_rows(rows))
        return encoding.encode_labels(labels, len(dataset.classes))

    def weights(self, plan: BatchPlan, step: int, start: int) -> Array:
        return plan.weights(step, start)

    def index(self, dataset: Dataset, rows: NDArray[np.int64]) -> Array:
        return dataset.original_rows(rows)

    def extended(self, dataset: Dataset, rows: NDArray[np.int64]) -> Array:
        return dataset.source.extended_at(dataset.original_rows(rows))


class Loader:
    def __init__(
        self,
        adapter: Sound,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        epoch: int,
        start: int,
    ) -> None:
        self.adapter, self.dataset, self.plan, self.encoding = adapter, dataset, plan, encoding
        self.epoch, self.start, self.begun = epoch, start, 0
        self.running: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return self.adapter.iterate(self)

    def __len__(self) -> int:
        return self.adapter.length(self)


FAULTS: list[tuple[str, type[Sound]]] = []


def caught_by(check: str) -> Callable[[type[Sound]], type[Sound]]:
    def register(fault: type[Sound]) -> type[Sound]:
        FAULTS.append((check, fault))
        return fault

    return register
