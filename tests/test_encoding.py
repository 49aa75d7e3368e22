"""Encoding: the pixel table, layouts, labels, and what cannot be encoded."""

import itertools
import sys
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist_core import Encoding, FrameworkMissingError, OptionError

MEAN, STD = 0.2860405969887955, 0.3530242445149226
PIXELS = np.arange(256, dtype=np.uint8)


def nearest_float32(number: Fraction) -> np.float32:
    """Round a fraction to float32 by comparing exact distances, ties to even."""
    guess = np.float32(float(number))
    near = [np.nextafter(guess, np.float32(side)) for side in (-np.inf, np.inf)] + [guess]
    return min(near, key=lambda x: (abs(Fraction(float(x)) - number), x.view(np.uint32) & 1))


def test_unit_table_is_exactly_rounded() -> None:
    table = Encoding().table
    assert table.dtype == np.float32
    assert [nearest_float32(Fraction(x, 255)) for x in range(256)] == table.tolist()


def test_standard_table_rounds_after_every_step() -> None:
    table = Encoding(scale="standard", mean=MEAN, std=STD).table
    mean, std = Fraction(float(np.float32(MEAN))), Fraction(float(np.float32(STD)))
    for x in range(256):
        unit = nearest_float32(Fraction(x, 255))
        centred = nearest_float32(Fraction(float(unit)) - mean)
        assert table[x] == nearest_float32(Fraction(float(centred)) / std)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("scale", ["unit", "standard"])
def test_narrow_tables_are_the_float32_table_rounded(dtype: str, scale: str) -> None:
    wide = Encoding(scale=scale, mean=MEAN, std=STD).table  # type: ignore[arg-type]
    narrow = Encoding(dtype, scale, mean=MEAN, std=STD).table  # type: ignore[arg-type]
    kind = np.float16 if dtype == "float16" else ml_dtypes.bfloat16
    assert narrow.tobytes() == wide.astype(kind).tobytes()


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16", "bfloat16"])
def test_raw_table_is_the_pixel_itself(dtype: str) -> None:
    assert Encoding(dtype, "raw").table.astype(np.int64).tolist() == list(range(256))


def test_table_is_read_only_and_made_once() -> None:
    encoding = Encoding()
    assert encoding.table is encoding.table
    assert not encoding.table.flags.writeable


@given(st.binary(min_size=24, max_size=24))
def test_images_are_looked_up_in_the_table(pixels: bytes) -> None:
    images = np.frombuffer(pixels, np.uint8).reshape(2, 4, 3)
    for dtype, scale in itertools.product(("float32", "float16"), ("unit", "standard", "raw")):
        encoding = Encoding(dtype, scale, "NHW", mean=MEAN, std=STD)  # type: ignore[arg-type]
        assert encoding.encode_images(images).tobytes() == encoding.table[images].tobytes()


@pytest.mark.parametrize(
    ("layout", "shape"),
    [("NHW", (2, 5, 4)), ("NHWC", (2, 5, 4, 1)), ("NCHW", (2, 1, 5, 4)), ("flat", (2, 20))],
)
def test_layouts(layout: str, shape: tuple[int, ...]) -> None:
    images = np.arange(40, dtype=np.uint8).reshape(2, 5, 4)
    actual = Encoding("uint8", "raw", layout).encode_images(images)  # type: ignore[arg-type]
    assert actual.shape == shape
    assert actual.tobytes() == images.tobytes()
    assert actual.flags.c_contiguous
    assert not np.shares_memory(actual, images)


def test_an_empty_batch_is_flat_too() -> None:
    assert Encoding(layout="flat").encode_images(np.zeros((0, 5, 4), np.uint8)).shape == (0, 20)


def test_labels() -> None:
    labels = np.array([2, 0], np.uint8)
    assert Encoding().encode_labels(labels, 3).dtype == np.int32
    assert Encoding(label_dtype="int64").encode_labels(labels, 3).dtype == np.int64
    one_hot = Encoding(labels="one_hot").encode_labels(labels, 3)
    assert one_hot.dtype == np.float32
    assert one_hot.tolist() == [[0, 0, 1], [1, 0, 0]]


def resolve(encoding: Encoding, dtype: str = "uint8", shape: tuple[int, ...] = (5, 4)) -> Encoding:
    return encoding.resolved(np.dtype(dtype), shape, "NHWC", "int64")


def test_resolving_fills_missing_options_and_keeps_given_ones() -> None:
    assert resolve(Encoding()).layout == "NHWC"
    assert resolve(Encoding()).label_dtype == "int64"
    assert resolve(Encoding(label_dtype="int32")).label_dtype == "int32"
    assert resolve(Encoding(layout="flat")).layout == "flat"
    assert resolve(Encoding("int16", "raw"), "int16", (6,)).layout is None
    actual = Encoding(scale="standard").resolved(
        np.dtype("uint8"), (5, 4), "NHW", "int32", MEAN, STD
    )
    assert (actual.mean, actual.std) == (MEAN, STD)
    complete = Encoding(scale="standard", mean=0.5, std=0.25)
    actual = complete.resolved(np.dtype("uint8"), (5, 4), "NHW", "int32", MEAN, STD)
    assert (actual.mean, actual.std) == (0.5, 0.25)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("layout", ["NHW", "NHWC", "NCHW", "flat"])
def test_colour_images_move_to_every_layout(channels: int, layout: str) -> None:
    images = np.arange(2 * 5 * 4 * channels, dtype=np.uint8).reshape(2, 5, 4, channels)
    if layout == "NHW" and channels > 1:
        with pytest.raises(OptionError, match="one channel"):
            resolve(Encoding("uint8", "raw", "NHW"), shape=(5, 4, channels))
        return
    encoding = resolve(Encoding("uint8", "raw", layout), shape=(5, 4, channels))  # type: ignore[arg-type]
    expected = {
        "NHW": images[..., 0],
        "NHWC": images,
        "NCHW": np.moveaxis(images, -1, 1),
        "flat": images.reshape(2, -1),
    }[layout]
    actual = encoding.encode_images(images)
    np.testing.assert_array_equal(actual, expected)
    assert actual.flags.c_contiguous
    assert encoding.encoded_shape((5, 4, channels)) == expected.shape[1:]


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1)])
def test_a_grey_channel_is_repeated(shape: tuple[int, ...]) -> None:
    grey = np.arange(40, dtype=np.uint8).reshape(2, *shape)
    for layout, axis in (("NHWC", -1), ("NCHW", 1)):
        encoding = resolve(Encoding("uint8", "raw", layout, channels=3), shape=shape)  # type: ignore[arg-type]
        expected = np.stack([grey.reshape(2, 5, 4)] * 3, axis)
        np.testing.assert_array_equal(encoding.encode_images(grey), expected)
        assert encoding.encoded_shape(shape) == expected.shape[1:]


def test_each_channel_has_its_own_mean_and_std() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    encoding = resolve(Encoding(scale="standard", mean=mean, std=std, channels=3))
    table = encoding.table
    assert table.shape == (256, 3)
    for channel in range(3):
        one = Encoding(scale="standard", mean=mean[channel], std=std[channel]).table
        assert table[:, channel].tobytes() == one.tobytes()
    images = np.arange(40, dtype=np.uint8).reshape(2, 5, 4)
    actual = encoding.encode_images(images)
    for channel in range(3):
        assert actual[..., channel].tobytes() == table[images, channel].tobytes()
    with pytest.raises(OptionError, match="3 for 3 channels; found 2"):
        resolve(Encoding(scale="standard", mean=(0.1, 0.2), std=0.5, channels=3))


def test_constants_may_be_arrays_and_tensors() -> None:
    jnp = pytest.importorskip("jax.numpy")
    torch = pytest.importorskip("torch")
    tf = pytest.importorskip("tensorflow")
    for tensor in (np.array, jnp.array, torch.tensor, tf.constant):
        assert Encoding(scale="standard", mean=tensor(0.5), std=tensor([0.25])).constants == (
            np.float32(0.5),
            np.float32(0.25),
        )
        for wrong in (True, [[0.5]], []):
            with pytest.raises(OptionError, match="mean must be a number"):
                Encoding(scale="standard", mean=tensor(wrong), std=0.25)


def test_a_frameworks_own_element_types_are_known_by_name() -> None:
    jnp = pytest.importorskip("jax.numpy")
    torch = pytest.importorskip("torch")
    tf = pytest.importorskip("tensorflow")
    for dtype in (np.float32, np.dtype("float32"), torch.float32, tf.float32, jnp.float32):
        assert Encoding(dtype=dtype).dtype == "float32"
    for dtype in (torch.bfloat16, tf.bfloat16, jnp.bfloat16, ml_dtypes.bfloat16):
        assert Encoding(dtype=dtype).dtype == "bfloat16"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "float8"}, "dtype must be one of"),
        ({"dtype": np.complex64}, "dtype must be one of"),
        ({"dtype": [1]}, "dtype must be one of"),
        ({"mean": "x"}, "mean must be a number"),
        ({"std": ()}, "std must be a number"),
        ({"channels": 2}, "channels must be 1, 3 or None"),
        ({"channels": True}, "channels must be 1, 3 or None"),
        ({"label_dtype": "int8"}, "label_dtype must be one of"),
        ({"scale": "zero-one"}, "scale must be one of"),
        ({"layout": "CHW"}, "layout must be one of"),
        ({"labels": "onehot"}, "labels must be one of"),
        ({"dtype": "uint8"}, 'Try: scale="raw"'),
        ({"dtype": "float64"}, 'Try: scale="raw"'),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Encoding(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "dtype", "shape", "message"),
    [
        (Encoding(), "float32", (5, 4), 'scale="raw", dtype='),
        (Encoding("float32", "raw"), "int32", (5, 4), "cannot become 'float32' exactly"),
        (Encoding("float16", "raw"), "int8", (5, 4), "cannot become 'float16' exactly"),
        (Encoding("int16", "raw"), "uint8", (5, 4), "uint8 images can become"),
        (Encoding(layout="NCHW"), "uint8", (5, 4, 2), 'Try: layout="flat"'),
        (Encoding(channels=3), "uint8", (6,), 'Try: layout="flat"'),
        (Encoding(channels=1), "uint8", (5, 4, 3), "cannot become images of one channel"),
        (Encoding(channels=3), "uint8", (5, 4, 4), "cannot become images of three channels"),
        (Encoding(layout="NHW", channels=3), "uint8", (5, 4), "one channel, found 3"),
        (Encoding(scale="standard"), "uint8", (5, 4), "Try: mean=, std="),
        (Encoding(scale="standard", mean=0.5, std=0.0), "uint8", (5, 4), "std must be above 0"),
        (Encoding(scale="standard", mean=0.5, std=1e37), "uint8", (5, 4), "float32 cannot hold"),
        (Encoding("float16", "standard", mean=0, std=1e-5), "uint8", (5, 4), "float16 cannot hold"),
        (Encoding(scale="standard", mean=np.nan, std=1.0), "uint8", (5, 4), "float32 cannot hold"),
        (Encoding(), "bool", (5, 4), r"Try: images.astype\('uint8'\) \* 255"),
        (Encoding(), "int64", (5, 4), "which IDX does not hold. Try: for pixels"),
    ],
)
def test_impossible_conversions_raise(
    encoding: Encoding, dtype: str, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        resolve(encoding, dtype, shape)


def test_bfloat16_without_ml_dtypes_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(FrameworkMissingError, match="pip install ml_dtypes"):
        _ = Encoding("bfloat16").table
