"""Chains: what is accepted, their repr, and what an example's draws depend on."""

import json
from typing import Any

import numpy as np
import pytest

from fmnist_core import OptionError, index_shuffle, transforms
from fmnist_core.transforms import (
    NUMPY,
    CenterCrop,
    Chain,
    ColorJitter,
    CutMix,
    Cutout,
    GaussianNoise,
    MixUp,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomInvert,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
    Transform,
    as_chain,
    parse,
)
from fmnist_core.transforms.parsing import KNOWN
from tests.transforms.examples import CHAINS, SINGLE, drawn_images
from tests.transforms.libraries import run_numpy

PARTS = [
    (Cutout(5, value=200), (2, 1)),
    (Cutout(5, value=200), (1, 3)),
    (RandomErasing(p=1, value="random"), (4, 2)),
    (RandomHorizontalFlip(p=1), (8, 1)),
]


@pytest.mark.parametrize(("mask", "size"), PARTS, ids=str)
def test_parts_of_larger_images_are_transformed_as_copies(
    mask: Transform, size: tuple[int, int]
) -> None:
    middles = drawn_images(9, 28, 28)[:, 10 : 10 + size[0], 12 : 12 + size[1]]
    positions = np.arange(9)
    expected = Chain((mask,)).images(NUMPY, middles.copy(), positions, seed=1, epoch=2)
    actual = Chain((mask,)).images(NUMPY, middles, positions, seed=1, epoch=2)
    assert np.array_equal(actual, expected)


CROP_AND_FLIP = (RandomCrop(28, padding=4), RandomHorizontalFlip())


def test_every_transform_is_public_and_can_be_parsed() -> None:
    kinds = {
        name
        for name in transforms.__all__
        if isinstance(kind := getattr(transforms, name), type)
        and issubclass(kind, transforms.Transform | transforms.Mix)
    }
    assert set(KNOWN) == kinds - {"Transform", "Mix"}
    assert {type(transform).__name__ for transform in SINGLE} | {"MixUp", "CutMix"} == set(KNOWN)


@pytest.mark.parametrize("chain", [*CHAINS[:-1], SINGLE], ids=str)
def test_a_chain_is_what_its_text_says(chain: Any) -> None:
    assert parse(str(Chain(chain))) == Chain(chain)
    assert parse(f"[{Chain(chain)}]") == Chain(chain)


def test_a_text_may_leave_out_names() -> None:
    assert parse("RandomCrop(28, padding=4), RandomHorizontalFlip()") == Chain(CROP_AND_FLIP)
    assert parse(" RandomCrop((20, 24), 2) ").transforms == (RandomCrop((20, 24), padding=2),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected transforms"),
        ("RandomCrop", "expected transforms"),
        ("RandomCrop(28", "expected transforms"),
        ("RandomCrop(28); Pad(2)", "expected transforms"),
        ("transforms.RandomCrop(28)", "expected transforms"),
        ("RandomCrop(__import__('os').system('false'))", "expected transforms"),
        ("RandomCrop(*[28])", "expected transforms"),
        ("RandomCrop(**{'size': 28})", "expected transforms"),
        ("(lambda: 1)()", "expected transforms"),
        ("Pad(" + "(" * 500 + ")" * 500 + ")", "expected transforms"),
        ("\0", "expected transforms"),
        ("open('x')", "no transform 'open'.*Try one of: CenterCrop"),
        ("RandomCrop()", "RandomCrop has other options"),
        ("RandomCrop(28, pad=4)", "RandomCrop has other options"),
        ("RandomCrop('28')", "size must be a whole number"),
    ],
)
def test_other_texts_raise(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as raised:
        parse(text)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda image: image, r"found <function.*MapDataset\(dataset, transform=f\).*\.map\(f\)"),
        ((RandomHorizontalFlip(), np.flip), "found <function flip"),
        (RandomHorizontalFlip, r"found its class. Try: RandomHorizontalFlip\(...\)"),
        ("RandomHorizontalFlip()", "expected a transform of fmnist_core.transforms"),
        (7, "expected a transform"),
        ({"a": 1}, "expected a transform"),
        ((MixUp(0.2), RandomHorizontalFlip()), "a mix .* comes last"),
        ((MixUp(0.2), CutMix(1.0)), "a mix .* there is one"),
        ((RandomHorizontalFlip(),) * 513, "number of transforms must be from 0 to 512"),
    ],
)
def test_invalid_chains_raise(transform: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        as_chain(transform)


def test_a_chain_a_sequence_or_none_may_be_given() -> None:
    flip = RandomHorizontalFlip()
    assert as_chain(None) == Chain()
    assert as_chain(flip) == as_chain([flip]) == as_chain((flip,)) == as_chain(Chain((flip,)))


@pytest.mark.parametrize(
    ("transform", "shape", "of", "message"),
    [
        (RandomCrop(29), (28, 28), {}, "at least 29 x 29 pixels, these have 28 x 28.*Try:"),
        (RandomCrop(37, padding=4), (28, 28), {}, "these have 36 x 36, padding included"),
        (CenterCrop((28, 30)), (28, 28), {}, "at least 28 x 30"),
        ((CenterCrop(20), CenterCrop(21)), (28, 28), {}, "these have 20 x 20"),
        (RandomRotation(10), (129, 28), {}, "up to 128 pixels a side.*Try: a crop"),
        (RandomAffine(10), (28, 200), {}, "up to 128 pixels"),
        (Resize(129), (28, 28), {}, "28 x 28 to 129 x 129"),
        (RandomResizedCrop(28), (28, 300), {}, "up to 128 pixels"),
        (RandomErasing(scale=(1, 1)), (28, 28), {}, "no box of .* fits"),
        (RandomErasing(), (1, 1), {}, "no box"),
        (MixUp(0.2), (28, 28), {"labels": "index"}, 'Try: labels="one_hot"'),
        (CutMix(1), (28, 28), {"labels": "index"}, "soft labels"),
        (RandomInvert(), (28, 28), {"dtype": "float32"}, "uint8 pixels, these are float32.*moves"),
        (MixUp(0.2), (28, 28), {"dtype": "int16"}, "uint8 pixels, these are int16"),
        (Cutout(8), (28, 28, 3), {}, r"\(height, width\), these have shape \(28, 28, 3\)"),
        (RandomCrop(2), (28,), {}, "these have shape"),
        (RandomCrop(2), (2, 28, 28, 3), {}, "these have shape"),
    ],
)
def test_images_that_a_chain_cannot_transform(
    transform: Any, shape: tuple[int, ...], of: Any, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        as_chain(transform).check(shape, **of)


def test_moves_are_for_any_images() -> None:
    chain = Chain((Pad(2), RandomCrop(30), RandomHorizontalFlip(), CenterCrop((20, 10))))
    assert chain.check((28, 28, 3), "float64", "index") == (20, 10, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomHorizontalFlip(1.5), "p must be a number from 0 to 1, not 1.5"),
        (lambda: RandomVerticalFlip(-0.1), "p must be"),
        (lambda: RandomInvert("0.5"), "p must be"),
        (lambda: RandomErasing(p=True), "p must be"),
        (lambda: RandomErasing(p=float("nan")), "p must be"),
        (lambda: RandomErasing(scale=(0.33, 0.02)), r"least, most.*Try: \(0.02, 0.33\)"),
        (lambda: RandomErasing(scale=(0.1, 1.1)), "scale must be a number from 0 to 1"),
        (lambda: RandomErasing(ratio=(0, 1)), "ratio must be"),
        (lambda: RandomErasing(ratio=2), "ratio must be a pair"),
        (lambda: RandomErasing(value=256), 'value, unless it is "random"'),
        (lambda: RandomErasing(value="noise"), 'value, unless it is "random"'),
        (lambda: Cutout(0), "size must be"),
        (lambda: Cutout(8, value=-1), "value must be"),
        (lambda: Pad(-1), "padding must be"),
        (lambda: Pad(2, fill=256), "fill must be"),
        (lambda: CenterCrop(0), "size must be"),
        (lambda: CenterCrop((1, 2, 3)), "size must be"),
        (lambda: CenterCrop(2.0), "size must be"),
        (lambda: RandomCrop(28, padding=1.5), "padding must be"),
        (lambda: RandomAffine(400), "degrees must be"),
        (lambda: RandomAffine(translate=0.1), "translate must be a pair"),
        (lambda: RandomAffine(translate=(0.1, 2)), "translate must be"),
        (lambda: RandomAffine(scale=(1.1, 0.9)), r"Try: \(0.9, 1.1\)"),
        (lambda: RandomAffine(scale=(0, 1)), "scale must be"),
        (lambda: RandomAffine(shear=85), "shear must be"),
        (lambda: RandomAffine(scale=(0.2, 1), shear=45), "shrink an image too far.*below 7.9"),
        (lambda: RandomRotation(-1), "degrees must be"),
        (lambda: RandomRotation(1, fill=-1), "fill must be"),
        (lambda: RandomResizedCrop(28, scale=(1, 0.08)), r"Try: \(0.08, 1\)"),
        (lambda: Resize(()), "size must be"),
        (lambda: ColorJitter(brightness=-1), "brightness must be"),
        (lambda: ColorJitter(contrast=101), "contrast must be"),
        (lambda: GaussianNoise(2), "sigma must be"),
        (lambda: MixUp(0), "alpha must be"),
        (lambda: CutMix(None), "alpha must be"),
    ],
)
def test_invalid_options_raise(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()


def test_a_record_is_json_and_one_number_has_one_form() -> None:
    record = Chain(CROP_AND_FLIP).record()
    assert record == [
        {"name": "RandomCrop", "size": 28, "padding": 4, "fill": 0},
        {"name": "RandomHorizontalFlip", "p": 0.5},
    ]
    for chain in (*CHAINS, SINGLE):
        assert json.loads(json.dumps(Chain(chain).record())) == Chain(chain).record()
    one, other = (Chain((RandomAffine(10, scale=scale),)) for scale in ((1, 2), [1.0, 2.0]))
    assert json.dumps(one.record()) == json.dumps(other.record())
    assert one == other
    assert hash(one) == hash(other)


def test_explain_describes_what_is_applied() -> None:
    images = drawn_images(40, 12, 10)
    chain = Chain((RandomCrop((12, 10), padding=3, fill=7), RandomHorizontalFlip()))
    actual, _ = run_numpy(chain, images, None, np.arange(40), seed=5, epoch=2)
    for position in range(40):
        (crop, at), (flip, coin) = chain.explain(position, (12, 10), n=40, seed=5, epoch=2)
        assert (crop, flip) == tuple(map(str, chain.transforms))
        whole = np.pad(images[position], 3, constant_values=7)
        part = whole[at["top"] : at["top"] + 12, at["left"] : at["left"] + 10]
        assert coin["flip"] in (True, False)
        assert np.array_equal(actual[position], part[:, ::-1] if coin["flip"] else part)


@pytest.mark.parametrize("chain", [*CHAINS, SINGLE[:2] + SINGLE[8:]], ids=str)
def test_everything_drawn_can_be_explained(chain: Any) -> None:
    explained = Chain(chain).explain(9, (12, 10), n=60, seed=5, epoch=2, view=1)
    assert [name for name, _ in explained] == [str(transform) for transform in chain]
    assert json.loads(json.dumps(explained)) == [list(pair) for pair in explained]
    if Chain(chain).mix:
        partner = index_shuffle(9, 60, 5 ^ 0x9E3779B97F4A7C15, 2)
        assert explained[-1][1]["partner"] == partner


def test_explain_rejects_missing_examples() -> None:
    for of in ({"position": 60}, {"position": -1}, {"seed": -1}, {"epoch": 2**32}, {"n": 0}):
        arguments = {"position": 9, "n": 60, "seed": 5, "epoch": 2} | of
        with pytest.raises(OptionError):
            Chain(CROP_AND_FLIP).explain(shape=(28, 28), **arguments)  # type: ignore[arg-type]


def test_draws_depend_on_seed_epoch_position_view_and_place_in_the_chain() -> None:
    images = np.repeat(drawn_images(1, 28, 28), 60, axis=0)
    noise = GaussianNoise(0.1)

    def run_chain(*transforms: Any, seed: int = 5, epoch: int = 2, view: int = 0) -> Any:
        places = np.arange(60)
        of = {"seed": seed, "epoch": epoch, "view": view}
        return run_numpy(Chain(transforms), images, None, places, **of)[0]

    first = run_chain(noise)
    assert np.array_equal(first, run_chain(noise))
    assert len(np.unique(first, axis=0)) == 60  # one image, drawn anew at each position
    others = (
        run_chain(noise, seed=6),
        run_chain(noise, epoch=3),
        run_chain(noise, view=1),
        run_chain(Pad(0), noise),
    )
    for other in others:
        assert not (first == other).all(axis=(1, 2)).any()


def test_a_position_is_the_same_in_any_batch() -> None:
    images = drawn_images(600, 12, 10)
    for chain in (*CHAINS[:2], SINGLE[:1]):
        whole, _ = run_numpy(Chain(chain), images, None, np.arange(600), seed=5, epoch=2)
        for places in (np.arange(599, -1, -7), np.array([3]), np.array([5, 5, 599, 5])):
            part, _ = run_numpy(Chain(chain), images, None, places, seed=5, epoch=2)
            assert np.array_equal(part, whole[places])


@pytest.mark.parametrize("number", [np.int32, np.uint32, np.int64, np.uint64])
def test_numbers_of_numpy_are_numbers(number: Any) -> None:
    chain, images = Chain((RandomCrop(4), MixUp(0.4))), np.arange(9 * 36).reshape(9, 6, 6) % 251
    images = images.astype(np.uint8)
    labels = np.eye(9, dtype=np.float32)
    gather = lambda places: (images[places % 9], labels[places % 9])  # noqa: E731
    places = np.array([3, 8200, 70])  # not all of them in one block of kept words
    for some in (places, places[[0, 2]]):
        wanted = chain.batch(NUMPY, gather, some, n=9000, seed=77, epoch=1)
        actual = chain.batch(NUMPY, gather, some.astype(number), n=9000, seed=number(77), epoch=1)
        assert all(map(np.array_equal, actual, wanted))
        wanted = chain.images(NUMPY, gather(some)[0], some, seed=77, epoch=1)
        args = NUMPY, gather(some)[0], some.astype(number)
        assert np.array_equal(chain.images(*args, seed=number(77), epoch=1), wanted)
    wanted = chain.explain(3, (6, 6), n=9, seed=77, epoch=1)
    assert chain.explain(number(3), (6, 6), n=9, seed=number(77), epoch=number(1)) == wanted
