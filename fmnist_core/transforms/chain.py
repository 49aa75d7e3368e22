"""A chain of transforms: how it changes the images of a batch at given positions."""

from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np

from fmnist_core.errors import OptionError, brief, check_epoch, check_range, check_seed
from fmnist_core.transforms.draws import STREAMS_EACH, STREAMS_PER_VIEW, Draws, chain_draws
from fmnist_core.transforms.ops import NUMPY, Array, ArrayOps
from fmnist_core.transforms.transform import MAX_SIDE, PARTNER_SEED, Mix, Transform

TRANSFORMS_VERSION = 1
"""The version of the transforms' arithmetic and draws (docs/transforms.md)."""

Gather = Callable[[Array], tuple[Array, Array]]
"""Returns fresh images (batch, height, width[, channels]) at positions (batch,), and labels."""

_MOST = STREAMS_PER_VIEW // STREAMS_EACH


@dataclass(frozen=True)
class Chain:
    """Transforms that are applied one after the other.

    The result for an example depends only on the chain and on `(seed, epoch, position)`.

    Parameters
    ----------
    transforms : tuple of Transform or Mix
        A mix comes last.

    Raises
    ------
    OptionError
        If an element is not a transform, or a mix is not the last.
    """

    transforms: tuple[Transform | Mix, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "transforms", tuple(self.transforms))
        for transform in self.transforms:
            _check_transform(transform)
        if any(isinstance(transform, Mix) for transform in self.transforms[:-1]):
            raise OptionError(
                "a mix joins finished images, so it comes last and there is one; found "
                f"{brief(self.transforms)}. Try: one mix, at the end"
            )
        check_range("number of transforms", len(self.transforms), 0, _MOST)

    @property
    def steps(self) -> tuple[Transform, ...]:
        """The transforms of single images: all but a mix."""
        return tuple(step for step in self.transforms if isinstance(step, Transform))

    @property
    def mix(self) -> Mix | None:
        """The mix at its end, if there is one."""
        last = self.transforms[-1] if self.transforms else None
        return last if isinstance(last, Mix) else None

    def check(
        self, shape: tuple[int, ...], dtype: Any = np.uint8, labels: str = "one_hot"
    ) -> tuple[int, ...]:
        """Check that a chain can transform such images, and return their shape after it.

        Parameters
        ----------
        shape : tuple of int
            (height, width) or (height, width, channels) of one image before the chain.
        dtype : numpy.dtype
            Its element type.
        labels : {"index", "one_hot"}
            How labels are encoded.

        Raises
        ------
        OptionError
            If such images cannot be transformed this way.
        """
        for transform in self.transforms:
            moves = isinstance(transform, Transform) and transform.only_moves
            if len(shape) != 2 and not (moves and len(shape) == 3):
                raise OptionError(
                    f"{transform} is for images of shape (height, width), these have shape {shape}"
                )
            if np.dtype(dtype) != np.uint8 and not moves:
                raise OptionError(
                    f"{transform} is for uint8 pixels, these are {np.dtype(dtype).name}. "
                    "Try: moves only, such as RandomCrop and RandomHorizontalFlip"
                )
            if np.dtype(dtype) == np.int8 and _whole_option(transform, "fill") > 127:
                raise OptionError(
                    f"{transform} cannot fill int8 images, whose pixels end at 127. "
                    "Try: a smaller fill"
                )
            _check_sides(transform, shape)
            if isinstance(transform, Transform):
                shape = transform.shape(shape)
        if self.mix and labels != "one_hot":
            raise OptionError(f'{self.mix} needs soft labels. Try: labels="one_hot"')
        return shape

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape after the chain of an image that has this shape before it."""
        for step in self.steps:
            shape = step.shape(shape)
        return shape

    def __bool__(self) -> bool:
        """Whether the chain has any transform."""
        return bool(self.transforms)

    def images(
        self,
        ops: ArrayOps,
        images: Array,
        positions: Array,
        *,
        seed: int,
        epoch: Any,
        view: int = 0,
    ) -> Array:
        """Return images transformed by all steps but a mix; arguments as `batch`.

        `images` are those at `positions`, and may be overwritten.
        """
        draws = self._draws(ops, positions, check_seed(seed), epoch, view)
        return self._transformed(ops, images, draws)

    def batch(
        self,
        ops: ArrayOps,
        gather: Gather,
        positions: Array,
        *,
        n: int,
        seed: int,
        epoch: Any,
        view: int = 0,
    ) -> tuple[Array, Array]:
        """Return the images and labels of a batch, mixed where the chain has a mix.

        Parameters
        ----------
        ops : ArrayOps
            Of the library of all arrays here.
        gather : callable
            Returns the images and labels at positions; labels are float32 (batch, classes) if the
            chain has a mix, otherwise anything, such as None.
        positions : integer array (batch,)
            Places in the epoch's order, each in [0, n).
        n : int
            Number of examples of the epoch.
        seed : int
        epoch : int or integer scalar array
        view : int
            0, or 1 for a second, independent draw of the same examples.
        """
        seed = check_seed(seed)
        images, labels = gather(positions)
        draws = self._draws(ops, positions, seed, epoch, view)
        images = self._transformed(ops, images, draws)
        if not (mix := self.mix):
            return images, labels
        partners = ops.index_shuffle(positions, n, seed ^ PARTNER_SEED, epoch)
        others, their_labels = gather(partners)
        others = self.images(ops, others, partners, seed=seed, epoch=epoch, view=view)
        shape = tuple(images.shape[1:])
        drawn = mix.draw(draws[-1], shape)
        own_weight, their_weight = mix.weights(ops, shape, drawn)
        if labels is not None:
            labels = labels * own_weight[:, None] + their_labels * their_weight[:, None]
        return mix.apply(ops, images, others, drawn), labels

    def explain(
        self,
        position: int,
        shape: tuple[int, ...],
        *,
        n: int,
        seed: int,
        epoch: int,
        view: int = 0,
    ) -> list[tuple[str, dict[str, int | bool]]]:
        """Return what each transform draws for one example, by name; `shape` is of its image."""
        n = check_range("n", n, 1, 2**62)
        seed, epoch = check_seed(seed), check_epoch(epoch)
        places = np.array([check_range("position", position, 0, n - 1)])
        explained = []
        for transform, draws in zip(
            self.transforms, self._draws(NUMPY, places, seed, epoch, view), strict=True
        ):
            drawn = {
                name: values[0].item() for name, values in transform.draw(draws, shape).items()
            }
            if isinstance(transform, Transform):
                shape = transform.shape(shape)
            else:
                partners = NUMPY.index_shuffle(places, n, seed ^ PARTNER_SEED, epoch)
                drawn["partner"] = int(partners[0])
            explained.append((str(transform), drawn))
        return explained

    def record(self) -> list[dict[str, Any]]:
        """Return the chain in a form that JSON can hold: the name and options of each transform."""
        return [
            {"name": _name(transform)}
            | {field.name: _plain(getattr(transform, field.name)) for field in _options(transform)}
            for transform in self.transforms
        ]

    def __str__(self) -> str:
        return ", ".join(map(str, self.transforms))

    def _draws(
        self, ops: ArrayOps, positions: Array, seed: int, epoch: Any, view: int
    ) -> list[Draws]:
        """Return the draws of each transform, all computed at once."""
        ranges = [
            range(first, first + transform.streams)
            for number, transform in enumerate(self.transforms)
            for first in [number * STREAMS_EACH + view * STREAMS_PER_VIEW]
        ]
        streams = tuple(stream for stream_range in ranges for stream in stream_range)
        first, second = chain_draws(ops, positions, streams, seed=seed, epoch=epoch)
        draws, begin = [], 0
        for stream_range in ranges:
            end = begin + len(stream_range)
            draws.append(Draws(ops, first[begin:end], second[begin:end]))
            begin = end
        return draws

    def _transformed(self, ops: ArrayOps, images: Array, draws: Sequence[Draws]) -> Array:
        for step, step_draws in zip(self.steps, draws, strict=False):
            drawn = step.draw(step_draws, tuple(images.shape[1:]))
            apply = step.apply_numpy if ops is NUMPY else partial(step.apply, ops)
            images = apply(images, drawn)
        return images


NO_TRANSFORMS = Chain()


def as_chain(transform: object) -> Chain:
    """Return a user's transforms as a chain: one transform, a sequence of them, a chain, or None.

    Raises
    ------
    OptionError
        As for `Chain`.
    """
    if transform is None:
        return Chain()
    if isinstance(transform, Chain):
        return transform
    several: Any = transform if isinstance(transform, tuple | list) else (transform,)
    return Chain(several)


def _check_sides(transform: Transform | Mix, shape: tuple[int, ...]) -> None:
    """Raise OptionError if an image has more pixels on a side than a draw can choose from."""
    if max(shape[:2]) + 2 * _whole_option(transform, "padding") > MAX_SIDE:
        raise OptionError(
            f"{transform} is for images of up to {MAX_SIDE} pixels a side, padding included; "
            f"these have shape {shape}. Try: smaller images"
        )


def _whole_option(transform: Transform | Mix, name: str) -> int:
    option = getattr(transform, name, 0)
    return option if isinstance(option, int) else 0


def _check_transform(transform: object) -> None:
    if isinstance(transform, Transform | Mix) and is_dataclass(transform):
        check_range(f"streams of {transform}", transform.streams, 0, STREAMS_EACH)
        return
    if isinstance(transform, type) and issubclass(transform, Transform | Mix):
        raise OptionError(f"expected a transform, found its class. Try: {transform.__name__}(...)")
    hint = (
        "Try: fmnist_torch.MapDataset(dataset, transform=f), or .map(f) of a tf.data pipeline; "
        if callable(transform)
        else ""
    )
    raise OptionError(
        f"expected a transform of fmnist_core.transforms, found {brief(transform)}. {hint}"
        "docs/transforms.md says how to write your own"
    )


def _name(transform: Transform | Mix) -> str:
    """Return a transform's name, with its module if it is not built in."""
    kind = type(transform)
    package = __package__
    is_ours = package is not None and kind.__module__.startswith(package)
    return kind.__name__ if is_ours else f"{kind.__module__}.{kind.__qualname__}"


def _options(transform: Any) -> tuple[Field[Any], ...]:
    return fields(transform)


def _plain(value: Any) -> Any:
    """Return an option in JSON's types; equal numbers, such as 1 and 1.0, have the same form."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float | np.integer):
        return int(value) if value == int(value) else float(value)
    return value
