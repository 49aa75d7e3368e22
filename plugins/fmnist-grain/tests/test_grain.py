"""What users of Grain expect beside the batches: its checkpoint, its workers, its datasets."""

from pathlib import Path
from typing import Any

import grain
import numpy as np
import pytest
from absl import flags
from etils import epath

from fmnist_core import DataMismatchError, OptionError, peek
from fmnist_core.testing import made_dataset
from fmnist_grain import ADAPTER, PlanIterDataset, iter_dataset

DATASET = made_dataset()
# Grain's worker processes look at absl's flags, which a test run does not parse.
flags.FLAGS.mark_as_parsed()


def loader_of(**options: Any) -> PlanIterDataset:
    return iter_dataset(
        DATASET, **{"batch_size": 4, "shuffle": True, "seed": 3, "fields": "index"} | options
    )


def lists(batches: Any) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


def test_it_is_an_iter_dataset_that_grain_transforms() -> None:
    loader = loader_of()
    assert isinstance(loader, grain.IterDataset)
    assert isinstance(iter(loader), grain.DatasetIterator)
    expected = [[-row for row in batch] for batch in lists(loader_of())]
    negated = loader.map(np.negative)
    assert lists(negated) == expected
    assert lists(negated) != expected  # the next epoch
    assert loader.epoch == 2


@pytest.mark.parametrize("options", [None, grain.ReadOptions(num_threads=2)])
def test_grains_own_check_restores_every_state(options: grain.ReadOptions | None) -> None:
    loader = loader_of(read_options=options)
    # It compares a list of arrays; batches of one shape keep numpy from refusing it.
    whole = loader_of(read_options=options, remainder="drop", start=3)
    for dataset in (whole, whole.map(np.negative), loader.map(len)):
        grain.experimental.assert_equal_output_after_checkpoint(dataset)
    ahead = grain.experimental.ThreadPrefetchIterDataset(whole, prefetch_buffer_size=2)
    grain.experimental.assert_equal_output_after_checkpoint(ahead)


def test_a_checkpoint_in_a_file_resumes_within_a_later_epoch(tmp_path: Path) -> None:
    loader = loader_of()
    list(loader)
    iterator = iter(loader)
    next(iterator)
    handler = grain.checkpoint.CheckpointHandler()
    handler.save(epath.Path(tmp_path), iterator)
    rest, later = lists(iterator), lists(loader)
    again = loader_of(batch_size=4)
    restored = handler.restore(epath.Path(tmp_path), iter(again))
    assert lists(restored) == rest
    assert again.epoch == 2
    assert lists(again) == later


def test_a_state_fits_any_framework_and_batch_size() -> None:
    iterator = iter(loader_of())
    next(iterator)
    other = DATASET.to("numpy", batch_size=9, shuffle=True, seed=3, fields="index")
    other.load_state_dict(iterator.get_state())
    assert np.concatenate(list(other)).tolist() == np.concatenate(list(iterator)).tolist()


def test_the_state_of_an_iterator_at_its_end_is_that_end() -> None:
    loader = loader_of()
    iterator = iter(loader)
    list(iterator)
    at_end = iterator.get_state()
    assert (at_end["epoch"], at_end["examples"]) == (0, 23)
    restored = iter(loader_of())
    restored.set_state(at_end)
    assert list(restored) == []
    assert (loader.state_dict()["epoch"], loader.state_dict()["examples"]) == (1, 0)


def test_two_restored_iterators_keep_their_places() -> None:
    loader, states, expected = loader_of(), [], []
    for taken in (1, 3):
        iterator = iter(loader_of())
        for _ in range(taken):
            next(iterator)
        states.append(iterator.get_state())
        expected.append(lists(iterator))
    restored = [iter(loader), iter(loader)]
    for iterator, state in zip(restored, states, strict=True):
        iterator.set_state(state)
    assert [lists(iterator) for iterator in restored] == expected


def test_an_interrupted_batch_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = made_dataset(1100)
    iterator = iter(iter_dataset(dataset, batch_size=100, fields="index"))
    received, original_rows, calls = [], type(dataset).original_rows, iter([False, True])

    def interrupted(self: Any, positions: Any) -> Any:
        if next(calls, False):
            raise KeyboardInterrupt
        return original_rows(self, positions)

    monkeypatch.setattr(type(dataset), "original_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        received.extend(iterator)
    received.extend(iterator)
    assert np.array_equal(np.concatenate(received), dataset.indices)


def test_states_of_other_runs_are_refused() -> None:
    state = iter(loader_of()).get_state()
    with pytest.raises(OptionError, match="Try: shuffle=True, seed=3"):
        iter(loader_of(seed=4)).set_state(state)
    elsewhere = iter_dataset(DATASET.take(22), batch_size=4, shuffle=True, seed=3)
    with pytest.raises(DataMismatchError, match="Try: the data and the selection"):
        iter(elsewhere).set_state(state)
    with pytest.raises(OptionError, match="expected what state_dict"):
        iter(loader_of()).set_state({"next_index": 3})  # type: ignore[typeddict-item]


def test_a_closed_iterator_ends() -> None:
    loader = loader_of(read_options=grain.ReadOptions(num_threads=1))
    for begins in (False, True):
        iterator = iter(loader)
        if begins:
            iterator.start_prefetch()
        iterator.close()
        with pytest.raises(ValueError, match="closed"):
            next(iterator)
    assert loader.epoch == 1  # start_prefetch took one


def test_batches_by_number_go_through_the_epochs() -> None:
    loader = loader_of(epoch=1, start=6)
    batches = loader.map_dataset
    epochs = [lists(loader) for _ in range(3)]
    actual = [batches[number].tolist() for number in range(17)]
    assert actual == epochs[0] + epochs[1] + epochs[2]
    assert lists(batches[1:3]) == epochs[0][1:3]
    with pytest.raises(OptionError, match="repeat counts whole epochs"):
        batches.repeat(2)


def test_a_repeated_map_dataset_is_a_whole_training() -> None:
    loader = loader_of()
    training = loader.map_dataset.repeat(3)
    assert lists(training) == [batch for _ in range(3) for batch in lists(loader)]
    same = loader.map_dataset.repeat(2, reseed_each_epoch=False)
    assert lists(same) == lists(loader.map_dataset) * 2
    shortened = training.map(len).to_iter_dataset()
    grain.experimental.assert_equal_output_after_checkpoint(shortened)


def test_worker_processes_resume_from_a_state_and_give_the_same_states() -> None:
    here, states, expected = iter(loader_of()), [], []
    for batch in here:
        expected.append(batch.tolist())
        states.append(here.get_state())
    loader = loader_of().mp_prefetch(grain.MultiprocessingOptions(num_workers=2))
    assert peek(loader).tolist() == expected[0]
    iterator = iter(loader)
    iterator.set_state(states[1])
    for batch, state in zip(expected[2:], states[2:], strict=True):
        assert next(iterator).tolist() == batch
        assert iterator.get_state() == state
    assert list(iterator) == []
    assert loader.epoch == 1


def test_workers_cannot_count_epochs() -> None:
    with pytest.raises(OptionError, match="mp_prefetch before map"):
        next(iter(loader_of().map(len).mp_prefetch(grain.MultiprocessingOptions(num_workers=1))))


def test_batches_are_dictionaries_if_fields_is_a_mapping() -> None:
    loader = loader_of(fields={"x": "image", "y": "label"})
    batch = next(iter(loader))
    assert list(batch) == ["x", "y"]
    assert batch["x"].shape == (4, 5, 4, 1)
    assert loader.map_dataset[0]["y"].tolist() == batch["y"].tolist()


def test_read_options_of_another_kind_are_refused() -> None:
    with pytest.raises(OptionError, match=r"must be a grain.ReadOptions, not 4"):
        loader_of(read_options=4)


def test_an_epoch_without_batches_has_no_batch() -> None:
    batches = loader_of(batch_size=1000, remainder="drop").map_dataset
    assert len(batches) == 0
    with pytest.raises(IndexError, match="no batch 0"):
        batches[0]


def test_shard_auto_is_the_process_of_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    class Second:
        shard_index, shard_count = 1, 2

    monkeypatch.setattr(grain.sharding, "ShardByJaxProcess", Second)
    halves = [lists(loader_of(shard=shard)) for shard in ("auto", (1, 2))]
    assert halves[0] == halves[1]

    def without_jax() -> None:
        raise ImportError("no JAX")

    monkeypatch.setattr(grain.sharding, "ShardByJaxProcess", without_jax)
    assert ADAPTER.shard({}) == (0, 1)
