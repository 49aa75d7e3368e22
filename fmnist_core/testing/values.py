"""Checks of the encoding: how pixels and labels are converted."""

import copy
import itertools
from typing import get_args

import numpy as np

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, LabelKind, Layout, Scale
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan
from fmnist_core.testing.expected import (
    assert_epochs,
    made_dataset,
)


def check_pixels(adapter: Adapter) -> None:
    """Every dtype and scale gives the bits of the pixel table, for all 256 pixels."""
    dataset = made_dataset()
    for scale in get_args(Scale):
        for dtype in ("float32", "float16", "bfloat16", *(("uint8",) if scale == "raw" else ())):
            encoding = Encoding(dtype, scale)
            where = f"dtype={dtype!r}, scale={scale!r}"
            assert_epochs(adapter, dataset, BatchPlan(23, 23), encoding, where=where)


def check_layouts_and_labels(adapter: Adapter) -> None:
    """Every layout and kind of label has the right axes, types and values."""
    dataset = made_dataset()
    for layout, kind in itertools.product((None, *get_args(Layout)), get_args(LabelKind)):
        encoding = Encoding(layout=layout, labels=kind)
        where = f"layout={layout!r}, labels={kind!r}"
        assert_epochs(adapter, dataset, BatchPlan(23, 9), encoding, where=where)


def check_colour_images(adapter: Adapter) -> None:
    """Images with a last axis of 1, 3 or 4 channels work in every layout, with their constants."""
    means, stds = (0.29, 0.31, 0.33, 0.35), (0.39, 0.41, 0.43, 0.45)
    for channels in (1, 3, 4):
        pixels = (np.arange(9 * 5 * 4 * channels) * 37 % 256).astype(np.uint8)
        dataset = Dataset(
            pixels.reshape(9, 5, 4, channels),
            np.arange(9) % 3,
            mean=means[:channels],
            std=stds[:channels],
        )
        layouts = [None, "NHWC", "NCHW", "flat", *(["NHW"] if channels == 1 else [])]
        for layout, scale in itertools.product(layouts, ("unit", "standard", "raw")):
            encoding = Encoding(scale=scale, layout=layout)  # type: ignore[arg-type]
            where = f"{channels} channels, layout={layout!r}, scale={scale!r}"
            assert_epochs(adapter, dataset, BatchPlan(9, 4), encoding, where=where)


def check_channels(adapter: Adapter) -> None:
    """``channels=3`` repeats a grey channel; mean and std may differ between the three."""
    dataset, mean, std = made_dataset(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for layout in (None, "NHWC", "NCHW", "flat"):
        for scale in get_args(Scale):
            encoding = Encoding("float32", scale, layout, mean=mean, std=std, channels=3)
            where = f"channels=3, layout={layout!r}, scale={scale!r}"
            if layout is not None or adapter.layout != "NHW":
                assert_epochs(adapter, dataset, BatchPlan(23, 9), encoding, where=where)


def check_other_habits(adapter: Adapter) -> None:
    """A subclass with other defaults gets its own layout and label type, not its parent's."""
    for layout, label_dtype in (
        ("NHWC", "int32"),
        ("NCHW", adapter.label_dtype),
        ("flat", "int32"),
    ):
        changed = copy.copy(adapter)
        changed.layout = layout  # type: ignore[assignment]
        changed.label_dtype = label_dtype  # type: ignore[assignment]
        where = f"layout {layout}, label_dtype {label_dtype}"
        assert_epochs(changed, made_dataset(), BatchPlan(23, 8), where=where)


def check_other_types(adapter: Adapter) -> None:
    """Images of other types work with scale="raw", in native byte order and their own shape."""
    for dtype, shape in [("int8", (3, 2)), ("int16", (6,)), (">i4", (3, 2)), (">f4", (1, 2, 3))]:
        values = np.arange(-30, 30).astype(dtype).reshape(10, *shape)
        name = np.dtype(dtype).newbyteorder("=").name
        dataset = Dataset(values, np.arange(10, dtype=np.int32) % 3)
        for target in {name, "float32"} - ({"float32"} if name == "int32" else set()):
            encoding = Encoding(target, "raw")
            assert_epochs(adapter, dataset, BatchPlan(10, 4), encoding, where=f"{name}->{target}")
