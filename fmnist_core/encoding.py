"""Encoding: what a pixel and a label become.

The values are defined by float32 arithmetic in numpy; `Encoding.table` lists them for every uint8
pixel and is what other frameworks must reproduce to the bit.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import FrameworkMissingError, OptionError

DType = Literal["uint8", "float32", "float16", "bfloat16"]
Scale = Literal["unit", "standard", "raw"]
Layout = Literal["NHW", "NHWC", "NCHW", "flat"]
LabelKind = Literal["index", "one_hot"]

# Element types that IDX has beside uint8; such images pass unchanged, under their own name.
_OTHER_DTYPES = ("int8", "int16", "int32", "float64")

CACHE_LINE = 64
"""Bytes to which the memory of encoded images is aligned."""

_ALL_PIXELS = np.arange(256, dtype=np.uint8)


@dataclass(frozen=True)
class Encoding:
    """What a pixel and a label become.

    Parameters
    ----------
    dtype : {"float32", "float16", "bfloat16", "uint8"}
        Element type of images. Images that are not uint8 may also keep their own type.
    scale : {"unit", "standard", "raw"}
        x / 255; (x / 255 - mean) / std, in float32 and in that order; or x itself.
    layout : {"NHW", "NHWC", "NCHW", "flat"}, optional
        Axes of a batch of images; None takes the framework's habit.
    labels : {"index", "one_hot"}
        Class numbers, or float32 rows with a single 1.
    mean, std : float, optional
        Of x / 255 over the train split, for ``scale="standard"``; a Dataset fills them in.

    Raises
    ------
    OptionError
        If a value is not allowed, or dtype and scale do not go together.
    """

    dtype: str = "float32"
    scale: Scale = "unit"
    layout: Layout | None = None
    labels: LabelKind = "index"
    mean: float | None = None
    std: float | None = None

    def __post_init__(self) -> None:
        _check_choice("dtype", self.dtype, (*get_args(DType), *_OTHER_DTYPES))
        _check_choice("scale", self.scale, get_args(Scale))
        _check_choice("layout", self.layout, (None, *get_args(Layout)))
        _check_choice("labels", self.labels, get_args(LabelKind))
        if self.dtype in ("uint8", *_OTHER_DTYPES) and self.scale != "raw":
            raise OptionError(
                f'dtype={self.dtype!r} cannot hold scale={self.scale!r}. Try: scale="raw", '
                'or dtype="float32"'
            )

    def resolve(
        self,
        *,
        image_dtype: np.dtype[Any],
        image_shape: tuple[int, ...],
        layout: Layout,
        mean: float | None = None,
        std: float | None = None,
    ) -> "Encoding":
        """Return this encoding with nothing left open, for images of one type and shape.

        Parameters
        ----------
        image_dtype, image_shape : numpy.dtype, tuple of int
            Of one image before it is encoded.
        layout : {"NHW", "NHWC", "NCHW", "flat"}
            The framework's habit, taken where `self.layout` is None.
        mean, std : float, optional
            The dataset's constants, taken where this encoding has none.

        Raises
        ------
        OptionError
            If these images cannot be encoded so.
        """
        planar = len(image_shape) == 2
        if not planar and self.layout not in (None, "flat"):
            raise OptionError(
                f"layout={self.layout!r} is for images of shape (height, width); these have shape "
                f'{image_shape}. Try: layout="flat", or None to keep their shape'
            )
        self._check_dtype(image_dtype)
        encoding = replace(
            self,
            layout=self.layout or (layout if planar else None),
            mean=mean if self.mean is None else self.mean,
            std=std if self.std is None else self.std,
        )
        encoding._check_constants()
        return encoding

    def _check_dtype(self, found: np.dtype[Any]) -> None:
        name = found.name
        if name not in ("uint8", "float32", *_OTHER_DTYPES):
            raise OptionError(
                f"images are {name}, which IDX does not hold. "
                "Try: convert first, e.g. images.astype('float32')"
            )
        if name == "uint8":
            if self.dtype in _OTHER_DTYPES:
                raise OptionError(f"uint8 images can become {get_args(DType)}, not {self.dtype!r}")
        elif self.scale != "raw":
            raise OptionError(
                f"scale={self.scale!r} is for uint8 pixels; these images are {name}. "
                f'Try: scale="raw", dtype={name!r}'
            )
        elif self.dtype != name and not (
            self.dtype == "float32" and np.can_cast(found, np.float32, "safe")
        ):
            raise OptionError(
                f"{name} images cannot become {self.dtype!r} exactly. Try: dtype={name!r}"
            )

    def _check_constants(self) -> None:
        if self.scale != "standard":
            return
        if self.mean is None or self.std is None:
            raise OptionError(
                'scale="standard" needs the mean and standard deviation of the train split, which '
                'are not known for these data. Try: open_idx(..., mean=, std=), or scale="unit"'
            )
        for name, value in (("mean", self.mean), ("std", self.std)):
            if isinstance(value, bool) or not isinstance(value, int | float | np.number):
                raise OptionError(f"{name} must be a number, not {value!r}")
        with np.errstate(all="ignore"):
            values = np.abs(replace(self, dtype="float32").encode_pixels(_ALL_PIXELS))
        # Subnormal values are flushed to zero by some frameworks, so they could not agree.
        if not self.std > 0 or not np.all(
            np.isfinite(values) & ((values == 0) | (values >= np.finfo(np.float32).tiny))
        ):
            raise OptionError(
                f"mean {self.mean} and std {self.std} give values that float32 cannot hold; std "
                "must be above 0, and both of the size of x / 255"
            )

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """Element type of encoded images; bfloat16 is the one that ml_dtypes defines.

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
        """What each of the 256 uint8 pixels becomes: (256,), read-only."""
        self._check_constants()
        table = self.encode_pixels(_ALL_PIXELS)
        table.setflags(write=False)
        return table

    def encode_pixels(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the values of pixels, element by element, as a fresh array of the same shape.

        Division and subtraction are exactly rounded in IEEE 754, so any numpy gives these bits.
        """
        if self.scale == "raw":
            raw = _aligned(pixels.shape, self.numpy_dtype)
            raw[...] = pixels
            return raw
        values = _aligned(pixels.shape, np.dtype(np.float32))
        np.divide(pixels, np.float32(255), out=values, dtype=np.float32)
        if self.scale == "standard":
            np.subtract(values, np.float32(self.mean or 0), out=values)
            np.divide(values, np.float32(self.std or 1), out=values)
        return values.astype(self.numpy_dtype, copy=False)

    def encode_images(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return (batch, ...) images encoded and in this layout: fresh, C-contiguous."""
        arranged: NDArray[Any] = self.arrange(self.encode_pixels(images))
        return arranged

    def arrange(self, images: Any) -> Any:
        """Return (batch, height, width) images, of any array library, in this layout.

        One channel has the same bytes in every layout, so nothing is moved.
        """
        if self.layout == "NHWC":
            return images[..., np.newaxis]
        if self.layout == "NCHW":
            return images[:, np.newaxis]
        if self.layout == "flat":
            return images.reshape(len(images), int(np.prod(images.shape[1:])))
        return images

    def encode_labels(
        self, labels: NDArray[np.integer], num_classes: int, dtype: str = "int32"
    ) -> NDArray[Any]:
        """Return labels as class numbers (batch,) or one-hot float32 (batch, classes)."""
        if self.labels == "one_hot":
            is_class: NDArray[np.bool_] = np.equal.outer(labels, np.arange(num_classes))
            return is_class.astype(np.float32)
        return labels.astype(dtype)


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an empty array whose memory begins at a cache line: JAX takes such without a copy."""
    nbytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(nbytes + CACHE_LINE, np.uint8)
    first = -memory.ctypes.data % CACHE_LINE
    return memory[first : first + nbytes].view(dtype).reshape(shape)


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if not isinstance(value, str | None) or value not in allowed:
        raise OptionError(f"{name} must be one of {allowed}, not {value!r}")
