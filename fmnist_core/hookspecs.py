"""What a plugin provides: the Adapter protocol, and the two hooks that return it.

A plugin is a module with an entry point: for an adapter in the group ``fmnist`` under the adapter's
name, for more datasets in the group ``fmnist.catalog`` under any name. docs/adapters.md has a
complete example.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

import pluggy
from numpy.typing import NDArray

from fmnist_core.encoding import Constant, LabelDType, LabelKind, Layout, Scale
from fmnist_core.plan import Field, Remainder
from fmnist_core.records import DatasetInfo

PROJECT = "fmnist"
CATALOG_GROUP = "fmnist.catalog"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@runtime_checkable
class Adapter(Protocol):
    """What a plugin provides: a way to carry out a plan in one framework.

    The plan decides which examples form a batch, and the encoding how they are converted. An
    adapter only carries them out; `fmnist_core.testing.CHECKS` tests that it does.

    Attributes
    ----------
    name : str
        The name for `Dataset.to`; the entry point has the same name.
    layout : {"NHW", "NHWC", "NCHW", "flat"}
        The framework's default, used if the encoding's layout is None.
    label_dtype : {"int32", "int64"}
        Element type of index labels.
    writable : bool
        Whether users of this framework may write into a batch.

    Notes
    -----
    An adapter may also have a method ``shard(options)``, which is called for ``shard="auto"``. It
    gets the framework options of `Dataset.to` and returns the (index, count) of this process, as
    the framework or its launcher knows it. Without it, ``shard="auto"`` raises `OptionError`.

    If a loader is not iterated batch by batch, as a `ray.data.Dataset` is not, the adapter has a
    method ``batches(loader, plan)`` that returns an iterable of its batches; fingerprints and
    `peek` use it.

    A loader may have an attribute ``provenance`` (`fmnist_core.provenance`), which fingerprints
    need; `fmnist_core.batch.Batches` has it.
    """

    name: str
    layout: Layout
    label_dtype: LabelDType
    writable: bool

    @property
    def loader(self) -> Callable[..., Iterable[Any]]:
        """Return a re-iterable of batches in the framework's own form.

        A method ``loader(dataset, plan, encoding, *, epoch=0, start=0)``, plus the adapter's own
        options as keywords. The n-th iteration of the loader reads epoch `epoch` + n and skips
        `start` examples of the first epoch. ``len()`` is the number of batches of the next
        iteration, or raises TypeError if the framework cannot know it. Users may iterate a loader
        twice at once, and stop in the middle.
        """
        ...

    def to_numpy(self, batch: Any) -> tuple[NDArray[Any], ...]:
        """Return a batch as numpy arrays, one for each field, with unchanged values.

        `batch` has the form that the fields determine: a tuple, a mapping, or a bare array.
        """
        ...


class EncodingOptions(TypedDict, total=False):
    """The options of `Encoding`, for functions that take them by name."""

    dtype: Any
    scale: Scale
    mean: Constant | None
    std: Constant | None
    channels: int | None
    layout: Layout | None
    labels: LabelKind
    transform: Any


class LoaderOptions(EncodingOptions, total=False):
    """The options of `Dataset.to` that every adapter has, for the adapters' typed functions."""

    shuffle: bool
    seed: int
    remainder: Remainder
    shard: tuple[int, int] | Literal["auto"]
    fields: tuple[Field, ...] | Mapping[str, Field] | Field
    epoch: int
    start: int


@hookspec(firstresult=True)
def fmnist_adapter() -> Adapter:  # type: ignore[empty-body]
    """Return this plugin's adapter. Takes no arguments, on purpose."""


@hookspec
def fmnist_catalog() -> Mapping[str, DatasetInfo]:  # type: ignore[empty-body]
    """Return more datasets, by name. Takes no arguments, on purpose."""
