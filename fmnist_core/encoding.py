"""Encoding: how pixels and labels are converted.

Pixel values come from a 256-entry table, computed by float32 arithmetic in numpy, that every
framework reproduces exactly (`Encoding.table`).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import FrameworkMissingError, OptionError
from fmnist_core.transforms.chain import NO_TRANSFORMS, Chain, as_chain

DType = Literal["uint8", "float32", "float16", "bfloat16"]
Scale = Literal["unit", "standard", "raw"]
Layout = Literal["NHW", "NHWC", "NCHW", "flat"]
LabelKind = Literal["index", "one_hot"]
LabelDType = Literal["int32", "int64"]
Constant = float | tuple[float, ...]
"""A mean or standard deviation: one number, or one for each channel."""

CHANNEL_COUNTS = (1, 3, 4)
"""Lengths of the last axis if it holds channels: grey, colour, colour with opacity."""

# The other element types of IDX; images of these types keep their type.
_OTHER_DTYPES = ("int8", "int16", "int32", "float64")

CACHE_LINE = 64
"""Alignment of the memory of encoded images, in bytes."""

_ALL_PIXELS = np.arange(256, dtype=np.uint8)
_GREY_AS_COLOUR = np.zeros(3, np.intp)


@dataclass(frozen=True)
class Encoding:
    """How pixels and labels are converted.

    Parameters
    ----------
    dtype : {"float32", "float16", "bfloat16", "uint8"}
        Element type of images; also a framework's own name for it, such as ``torch.bfloat16``.
        Images that are not uint8 may also keep their own type.
    scale : {"unit", "standard", "raw"}
        x / 255; (x / 255 - mean) / std, in float32 and in that order; or x itself.
    layout : {"NHW", "NHWC", "NCHW", "flat"}, optional
        Axes of a batch of images; None is the framework's default.
    labels : {"index", "one_hot"}
        Class numbers, or float32 rows with a single 1.
    mean, std : float or tuple of float, optional
        Mean and standard deviation of x / 255, for ``scale="standard"``; one number, or one for
        each channel. None is the dataset's.
    channels : {1, 3}, optional
        Channels of an encoded image. 3 repeats a grey channel; None keeps the channels.
    label_dtype : {"int32", "int64"}, optional
        Element type of index labels; None is the framework's default.
    transform : Transform, sequence of Transform, or Chain, optional
        Transforms of the uint8 pixels before they are encoded (`fmnist_core.transforms`).

    Raises
    ------
    OptionError
        If a value is not allowed, or dtype and scale do not go together.
    """

    dtype: str = "float32"
    scale: Scale = "unit"
    layout: Layout | None = None
    labels: LabelKind = "index"
    mean: Constant | None = None
    std: Constant | None = None
    channels: int | None = None
    label_dtype: LabelDType | None = None
    transform: Chain = NO_TRANSFORMS

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", _dtype_name(self.dtype))
        _check_choice("dtype", self.dtype, (*get_args(DType), *_OTHER_DTYPES))
        _check_choice("scale", self.scale, get_args(Scale))
        _check_choice("layout", self.layout, (None, *get_args(Layout)))
        _check_choice("labels", self.labels, get_args(LabelKind))
        _check_choice("label_dtype", self.label_dtype, (None, *get_args(LabelDType)))
        object.__setattr__(self, "channels", _checked_channels(self.channels))
        for name in ("mean", "std"):
            object.__setattr__(self, name, checked_constant(name, getattr(self, name)))
        object.__setattr__(self, "transform", as_chain(self.transform))
        if self.dtype in ("uint8", *_OTHER_DTYPES) and self.scale != "raw":
            raise OptionError(
                f'dtype={self.dtype!r} cannot hold scale={self.scale!r}. Try: scale="raw", '
                'or dtype="float32"'
            )

    def resolved(
        self,
        image_dtype: np.dtype[Any],
        image_shape: tuple[int, ...],
        layout: Layout,
        label_dtype: LabelDType,
        mean: Constant | None = None,
        std: Constant | None = None,
    ) -> "Encoding":
        """Return this encoding without None, for images of one type and shape.

        Parameters
        ----------
        image_dtype, image_shape : numpy.dtype, tuple of int
            Of one image before it is encoded.
        layout, label_dtype
            The framework's defaults, used where this encoding has None.
        mean, std : float, or one for each channel, optional
            The dataset's constants, used where this encoding has None.

        Raises
        ------
        OptionError
            If these images cannot be encoded this way.
        """
        self._check_dtype(image_dtype.name)
        image_shape = self.transform.check(image_shape, image_dtype, self.labels)
        self._check_shape(image_shape)
        is_picture = is_planar(image_shape) or has_channels(image_shape)
        if layout == "NHW" and self.num_channels(image_shape) > 1:
            layout = "NHWC"
        encoding = replace(
            self,
            layout=self.layout or (layout if is_picture else None),
            label_dtype=self.label_dtype or label_dtype,
            mean=mean if self.mean is None else self.mean,
            std=std if self.std is None else self.std,
        )
        encoding._check_constants(self.num_channels(image_shape))
        return encoding

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if not (is_planar(shape) or has_channels(shape)):
            if self.layout not in (None, "flat") or self.channels is not None:
                raise OptionError(
                    f"layout={self.layout!r} and channels={self.channels!r} are for images of "
                    f"shape (height, width) or (height, width, 1, 3 or 4); these have shape "
                    f'{shape}. Try: layout="flat", or None to keep their shape'
                )
        elif self.channels is not None and num_channels(shape) not in (1, self.channels):
            raise OptionError(
                f"images of shape {shape} cannot become images of "
                f"{'one channel' if self.channels == 1 else 'three channels'}"
            )
        elif self.layout == "NHW" and self.num_channels(shape) > 1:
            raise OptionError(
                f'layout="NHW" is for one channel, found {self.num_channels(shape)}. '
                'Try: layout="NHWC" or "NCHW"'
            )

    def _check_dtype(self, dtype: str) -> None:
        if dtype not in ("uint8", "float32", *_OTHER_DTYPES):
            if dtype == "bool":
                raise OptionError("images are bool. Try: images.astype('uint8') * 255")
            raise OptionError(
                f"images are {dtype}, which IDX does not hold. Try: for pixels from 0 to 255, "
                "images.astype('uint8'); else images.astype('float32') with scale=\"raw\""
            )
        if dtype == "uint8":
            if self.dtype in _OTHER_DTYPES:
                raise OptionError(f"uint8 images can become {get_args(DType)}, not {self.dtype!r}")
        elif self.scale != "raw":
            raise OptionError(
                f"scale={self.scale!r} is for uint8 pixels; these images are {dtype}. Try: for "
                "pixels from 0 to 255, images.astype('uint8'); for values that are scaled already, "
                f'scale="raw", dtype={dtype!r}'
            )
        elif self.dtype != dtype and not (
            self.dtype == "float32" and np.can_cast(dtype, np.float32, "safe")
        ):
            raise OptionError(
                f"{dtype} images cannot become {self.dtype!r} exactly. Try: dtype={dtype!r}"
            )

    def _check_constants(self, channels: int = 1) -> None:
        if self.scale != "standard":
            return
        if self.mean is None or self.std is None:
            raise OptionError(
                'scale="standard" needs the mean and standard deviation of the train split, which '
                'are unknown for these data. Try: mean=, std=, or scale="unit"'
            )
        mean, std = self.constants
        if {mean.size, std.size} - {1, channels}:
            raise OptionError(
                f"expected one mean and std, or {channels} for {channels} channels; found "
                f"{mean.size} and {std.size}"
            )
        with np.errstate(all="ignore"):
            values = np.abs(_standardized(_unit(self._table_pixels()), mean, std))
            narrow = "float16" if self.dtype == "float16" else "float32"
            held = np.isfinite(values.astype(narrow))
        # Some frameworks flush subnormal values to zero, so the adapters would differ.
        representable = held & ((values == 0) | (values >= np.finfo(np.float32).tiny))
        if not (std > 0).all() or not representable.all():
            raise OptionError(
                f"mean {self.mean} and std {self.std} give values that {narrow} cannot hold; std "
                "must be above 0, and both must be on the scale of x / 255"
            )

    @property
    def constants(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and std as float32 arrays of shape () or (channels,); 0 and 1 if unknown."""
        mean = 0.0 if self.mean is None else self.mean
        std = 1.0 if self.std is None else self.std
        return np.asarray(mean, np.float32), np.asarray(std, np.float32)

    @property
    def is_per_channel(self) -> bool:
        """Whether the channels of an image have different tables."""
        return self.scale == "standard" and any(one.ndim for one in self.constants)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """Element type of encoded images; bfloat16 comes from ml_dtypes.

        Raises
        ------
        FrameworkMissingError
            For bfloat16, if ml_dtypes is not installed.
        """
        if self.dtype != "bfloat16":
            return np.dtype(self.dtype)
        try:
            import ml_dtypes
        except ModuleNotFoundError as error:
            raise FrameworkMissingError(
                'numpy has no bfloat16 of its own. Try: pip install ml_dtypes, or dtype="float16"'
            ) from error
        bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16

    @cached_property
    def table(self) -> NDArray[Any]:
        """Value of each of the 256 uint8 pixels, read-only.

        Shape (256,), or (256, channels) where mean or std differ between channels.
        """
        pixels = self._table_pixels()
        self._check_constants(pixels.shape[-1] if self.is_per_channel else 1)
        table = self.encode_pixels(pixels)
        table.setflags(write=False)
        return table

    def _table_pixels(self) -> NDArray[np.uint8]:
        if not self.is_per_channel:
            return _ALL_PIXELS
        return np.repeat(_ALL_PIXELS[:, np.newaxis], max(one.size for one in self.constants), 1)

    def encode_pixels(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the values of pixels, element by element, as a fresh array of the same shape.

        If mean or std differ between channels, the last axis holds the channels. IEEE 754 rounds
        division and subtraction exactly, so every numpy gives these bits.
        """
        if self.scale == "raw":
            raw = _aligned(pixels.shape, self.numpy_dtype)
            raw[...] = pixels
            return raw
        values = _unit(pixels)
        if self.scale == "standard":
            values = _standardized(values, *self.constants)
        return values.astype(self.numpy_dtype, copy=False)

    def encode_images(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return (batch, ...) images, encoded, in this layout: fresh, C-contiguous."""
        values = self.arrange(self.encode_pixels(self.with_channels(images)))
        return np.ascontiguousarray(values)

    def with_channels(self, images: Any) -> Any:
        """Return (batch, height, width[, channels]) images of any array library with `channels`."""
        if self.channels != 3 or (has_channels(images.shape[1:]) and images.shape[-1] != 1):
            return images
        grey = images[..., np.newaxis] if images.ndim == 3 else images
        return grey[..., _GREY_AS_COLOUR]

    def arrange(self, images: Any) -> Any:
        """Return (batch, height, width[, channels]) images, of any array library, in this layout.

        Images with one channel have the same bytes in every layout, so nothing is copied.
        """
        if self.layout == "flat":
            return images.reshape(len(images), math.prod(images.shape[1:]))
        if self.layout is None or not (is_planar(images.shape[1:]) or images.ndim == 4):
            return images
        if images.ndim == 3:
            if self.layout == "NHWC":
                return images[..., np.newaxis]
            return images[:, np.newaxis] if self.layout == "NCHW" else images
        if self.layout == "NCHW":
            return images.swapaxes(1, 3).swapaxes(2, 3)
        return images[..., 0] if self.layout == "NHW" else images

    def encoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the encoded shape of an image of shape `shape`."""
        shape = self.transform.shape(shape)
        one = self.arrange(self.with_channels(np.empty((1, *shape), np.uint8)))
        return tuple(one.shape[1:])

    def num_channels(self, shape: tuple[int, ...]) -> int:
        """Return how many channels an image of shape `shape` has when it is encoded."""
        return self.channels if self.channels == 3 else num_channels(shape)

    def record(self) -> dict[str, Any]:
        """Return this encoding in a form that JSON can hold."""
        plain = {name: value for name, value in vars(self).items() if name in _FIELDS}
        return {**plain, "transform": self.transform.record()}

    def encode_labels(self, labels: NDArray[np.integer], num_classes: int) -> NDArray[Any]:
        """Return labels as class numbers (batch,) or one-hot float32 (batch, classes)."""
        if self.labels == "one_hot":
            is_class: NDArray[np.bool_] = np.equal.outer(labels, np.arange(num_classes))
            return is_class.astype(np.float32)
        return labels.astype(self.label_dtype or "int32")


_FIELDS = frozenset(Encoding.__dataclass_fields__)


def is_planar(shape: tuple[int, ...]) -> bool:
    """Whether an image has the shape (height, width)."""
    return len(shape) == 2


def has_channels(shape: tuple[int, ...]) -> bool:
    """Whether an image has the shape (height, width, channels)."""
    return len(shape) == 3 and shape[-1] in CHANNEL_COUNTS


def num_channels(shape: tuple[int, ...]) -> int:
    """Return how many channels an image of this shape has."""
    return shape[-1] if has_channels(shape) else 1


def _unit(pixels: NDArray[Any]) -> NDArray[np.float32]:
    values = _aligned(pixels.shape, np.dtype(np.float32))
    np.divide(pixels, np.float32(255), out=values, dtype=np.float32)
    return values


def _standardized(
    values: NDArray[np.float32], mean: NDArray[np.float32], std: NDArray[np.float32]
) -> NDArray[np.float32]:
    np.subtract(values, mean, out=values)
    np.divide(values, std, out=values)
    return values


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an empty array that begins at a cache line: JAX takes such arrays without a copy."""
    nbytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(nbytes + CACHE_LINE, np.uint8)
    first = -memory.ctypes.data % CACHE_LINE
    return memory[first : first + nbytes].view(dtype).reshape(shape)


def _dtype_name(dtype: object) -> str:
    """Return the name of an element type: of numpy's, torch's, TensorFlow's, JAX's, or itself."""
    if isinstance(dtype, str):
        return dtype
    name = getattr(dtype, "name", None)  # TensorFlow's, and numpy.dtype
    if isinstance(name, str):
        return name
    if str(dtype).startswith("torch."):
        return str(dtype).removeprefix("torch.")
    try:
        return np.dtype(dtype).name  # type: ignore[call-overload, no-any-return]
    except TypeError:
        raise OptionError(
            f"dtype must be one of {(*get_args(DType), *_OTHER_DTYPES)}, not {dtype!r:.80}"
        ) from None


def _checked_channels(channels: object) -> int | None:
    if channels is None:
        return None
    is_number = isinstance(channels, int | np.integer) and not isinstance(channels, bool)
    if not is_number or channels not in (1, 3):
        raise OptionError(f"channels must be 1, 3 or None, not {channels!r:.80}")
    return int(channels)


def checked_constant(name: str, value: object) -> Constant | None:
    """Return a mean or std as a float or, one for each channel, a tuple; else OptionError."""
    if value is None:
        return None
    if hasattr(value, "__array__") and len(getattr(value, "shape", ())) <= 1:
        # A tensor of no axes is a number; those of torch on an accelerator have only `tolist`.
        value = value.tolist() if hasattr(value, "tolist") else np.asarray(value).tolist()
    if _is_number(value):
        return float(value)  # type: ignore[arg-type]
    if isinstance(value, Iterable) and not isinstance(value, str):
        numbers = tuple(value)
        if numbers and all(_is_number(number) for number in numbers):
            constants = tuple(float(number) for number in numbers)
            return constants if len(constants) > 1 else constants[0]
    raise OptionError(f"{name} must be a number, or one for each channel, not {value!r:.80}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if not isinstance(value, str | None) or value not in allowed:
        raise OptionError(f"{name} must be one of {allowed}, not {value!r:.80}")
