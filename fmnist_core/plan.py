"""BatchPlan: which examples form batch `step` of an epoch, on one shard.

Everything here is a function of the plan's numbers, so any step of any epoch can be computed first,
after a restart, or in another process. What is kept between calls is only there for speed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist_core.errors import OptionError, check_epoch, check_range, check_seed
from fmnist_core.order import (
    KEPT_ORDER_LIMIT,
    MAX_EXAMPLES,
    ORDER_VERSION,
    index_shuffle,
    whole_order,
)
from fmnist_core.state import (
    State,
    check_same_data,
    check_same_order,
    check_same_transforms,
    checked_state,
)

BLOCK_EXAMPLES = 512
"""Examples whose batches are made at once, about: enough to share the cost of a step, and few
enough to fit a core's cache."""

ENCIPHERED_EXAMPLES = 2**13
"""Examples whose rows are computed at once if the order is not kept: a call has its price."""

Remainder = Literal["keep", "drop", "pad"]
Field = Literal["image", "view", "label", "weight", "index", "extended"]


class Examples(NamedTuple):
    """The examples of a batch, or of a block of batches, and their places in an epoch.

    Attributes
    ----------
    epoch : int
    positions : int64 array (batch,) or (batches, batch)
        Places in the epoch's order; places of `num_examples` or more are fillers.
    rows : int64 array of the same shape
        Row numbers in the dataset; do not write to them.
    """

    epoch: int
    positions: NDArray[np.int64]
    rows: NDArray[np.int64]

    def flat(self) -> "Examples":
        """Return the same examples along one axis."""
        return Examples(self.epoch, self.positions.reshape(-1), self.rows.reshape(-1))


@dataclass(frozen=True)
class BatchPlan:
    """Which examples form each batch of each epoch, on one shard.

    Parameters
    ----------
    num_examples : int
        Number of examples, over all shards.
    batch_size : int
        Examples in one batch of one shard.
    shuffle : bool
        Whether to use the written order (docs/order.md) instead of file order.
    seed : int
        Seed of the written order, 0 to 2**64 - 1.
    remainder : {"keep", "drop", "pad"}
        What to do with the last, incomplete global batch: split it among the shards, leave it out,
        or fill it from the head of the order with fillers of weight 0.
    shard : (int, int)
        Index and count of this process among those that share every global batch.
    fields : tuple, mapping or str
        What a batch holds: any of "image", "view" (the image with a second, independent draw of the
        transforms), "label", "weight", "index" and "extended". A tuple gives tuples, in this order;
        a mapping of your names to fields gives dictionaries; a single name gives bare arrays.
    keys : tuple of str, optional
        Derived from `fields`, which becomes a tuple: your names for dictionaries, () for bare
        arrays, None for tuples.

    Raises
    ------
    OptionError
        If a value is not allowed, or a shard would get no examples.
    """

    num_examples: int
    batch_size: int
    shuffle: bool = False
    seed: int = 0
    remainder: Remainder = "keep"
    shard: tuple[int, int] = (0, 1)
    fields: tuple[Field, ...] = ("image", "label")
    keys: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        self._keep("num_examples", check_range("num_examples", self.num_examples, 0, MAX_EXAMPLES))
        self._keep("batch_size", check_range("batch_size", self.batch_size, 1, MAX_EXAMPLES))
        self._keep("seed", check_seed(self.seed))
        if not isinstance(self.shuffle, bool | np.bool_):
            raise OptionError(f"shuffle must be True or False, not {self.shuffle!r}")
        self._keep("shuffle", bool(self.shuffle))
        if not isinstance(self.remainder, str) or self.remainder not in get_args(Remainder):
            raise OptionError(
                f"remainder must be one of {get_args(Remainder)}, not {self.remainder!r}"
            )
        self._check_shard()
        check_range("batch_size times shard count", self.global_batch_size, 1, MAX_EXAMPLES)
        self._check_fields()
        self.check_start(0)

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_shard(self) -> None:
        if not isinstance(self.shard, tuple | list) or len(self.shard) != 2:
            raise OptionError(f"shard must be a pair (index, count), not {self.shard!r:.80}")
        count = check_range("shard count", self.shard[1], 1, MAX_EXAMPLES)
        self._keep("shard", (check_range("shard index", self.shard[0], 0, count - 1), count))

    def _check_fields(self) -> None:
        fields: Any = self.fields
        allowed = get_args(Field)
        if isinstance(fields, Mapping):
            self._keep("keys", tuple(fields))
            fields = tuple(fields.values())
        elif isinstance(fields, str):
            self._keep("keys", ())
            fields = (fields,)
        elif isinstance(fields, list):
            fields = tuple(fields)
        if not isinstance(fields, tuple) or not fields:
            raise OptionError(
                f"fields must be a tuple of any of {allowed}, a mapping of names to them, or a "
                f"single one; not {fields!r:.80}"
            )
        if any(fields.count(field) > 1 or field not in allowed for field in fields):
            raise OptionError(f"fields must be any of {allowed}, each once, not {fields!r:.80}")
        if self.keys and not all(isinstance(key, str) for key in self.keys):
            raise OptionError(f"names of fields must be str, not {self.keys!r:.80}")
        if self.keys is not None and len(fields) != (len(self.keys) or 1):
            raise OptionError(
                f"fields {fields!r} do not fit their names {self.keys!r:.80}. "
                "Try: fields as a mapping of names to fields, or keys=None for tuples"
            )
        self._keep("fields", fields)
        if self.remainder == "pad" and "weight" not in self.fields:
            raise OptionError(
                'remainder="pad" repeats examples with weight 0, so the batch must hold it. '
                f"Try: fields={(*self.fields, 'weight')!r}"
            )

    def pack(self, values: Iterable[Any]) -> Any:
        """Return the values of a batch's fields as a batch: a tuple, a dictionary or an array."""
        if self.keys is None:
            return tuple(values)
        if self.keys:
            return dict(zip(self.keys, values, strict=True))
        (bare,) = values
        return bare

    def in_order(self, batch: Any) -> Any:
        """Return a batch with its names in this plan's order; JAX's functions sort them."""
        if not isinstance(batch, Mapping):
            return batch
        return {key: batch[key] for key in self.keys or self.fields}

    def check_use(self, num_examples: int, epoch: int, start: int) -> None:
        """Raise OptionError unless the plan has so many examples and an epoch can begin there."""
        if num_examples != self.num_examples:
            raise OptionError(
                f"the plan is for {self.num_examples} examples, the dataset has {num_examples}. "
                f"Try: BatchPlan({num_examples}, ...) or Dataset.to"
            )
        check_epoch(epoch)
        self.check_start(start)

    def check_start(self, start: int) -> int:
        """Return `start` as an int, or raise OptionError if no epoch can begin after it."""
        start = check_range("start", start, 0, self.num_examples)
        left = (self.num_examples - start) % self.global_batch_size
        shards = self.shard[1]
        if self.remainder == "keep" and 0 < left < shards:
            raise OptionError(
                f"the last batch has {left} of {self.num_examples} examples for {shards} shards, "
                'so a shard would get none. Try: remainder="drop" or remainder="pad"'
            )
        return start

    @property
    def global_batch_size(self) -> int:
        """Examples in one step of all shards together."""
        return self.batch_size * self.shard[1]

    def __len__(self) -> int:
        """Return the number of steps of a whole epoch, the same on every shard."""
        return self.num_steps()

    def num_steps(self, start: int = 0) -> int:
        """Return the number of steps of an epoch that begins after `start` examples."""
        left = self.num_examples - self.check_start(start)
        whole, rest = divmod(left, self.global_batch_size)
        return whole + (rest > 0 and self.remainder != "drop")

    def indices(self, epoch: int, step: int, start: int = 0) -> NDArray[np.int64]:
        """Return the examples of one batch, without computing any other.

        Parameters
        ----------
        epoch : int
            From 0.
        step : int
            Batch number within the epoch, from 0, counted from `start`.
        start : int
            Examples of the epoch that all shards consumed before step 0.

        Returns
        -------
        int64 array (batch,)
            Row numbers in the dataset. Fillers of ``remainder="pad"`` are at the end.

        Raises
        ------
        OptionError
            If there is no such epoch, step or start.
        """
        return self.examples(epoch, step, start).rows

    def examples(self, epoch: int, step: int, start: int = 0) -> Examples:
        """Return the examples of one batch; arguments and errors as `indices`."""
        epoch, start = check_epoch(epoch), self.check_start(start)
        positions = self.positions(step, start)
        together = self._steps_together
        whole = (self.num_examples - start) // self.global_batch_size
        if not self.shuffle or together == 1 or step >= whole:
            return Examples(epoch, positions, self.rows_at(positions, epoch))
        first = int(step) // together * together
        rows = _kept_rows(self, epoch, start, first, min(first + together, whole))
        return Examples(epoch, positions, rows[step - first].copy())

    @property
    def _steps_together(self) -> int:
        """Batches whose rows are computed at once, if the order is not kept."""
        return max(ENCIPHERED_EXAMPLES // self.batch_size, 1)

    def weights(self, step: int, start: int = 0) -> NDArray[np.float32]:
        """Return float32 (batch,): 1 for an example, 0 for a filler of ``remainder="pad"``."""
        first, size = self.span(step, start)
        return (np.arange(first, first + size) < self.num_examples).astype(np.float32)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[NDArray[np.int64]]:
        """Yield `indices` of every step of an epoch; do not write to them. Arguments as there."""
        return (rows for block in self.blocks(epoch, start) for rows in block.rows)

    def blocks(
        self, epoch: int, start: int = 0, examples: int = BLOCK_EXAMPLES
    ) -> Iterator[Examples]:
        """Yield the examples of an epoch, about `examples` of them at a time.

        Work that is done once for several batches is faster.

        Yields
        ------
        Examples
            Of shape (batches, batch). A last batch that is smaller or has fillers is a block of
            its own.
        """
        epoch, start = check_epoch(epoch), self.check_start(start)
        # Kept here, so that other iterations cannot push it out of the cache of orders.
        order = whole_order(self.num_examples, self.seed, epoch) if self.caches_order else None
        whole = (self.num_examples - start) // self.global_batch_size
        per_block = max(examples // self.batch_size, 1)

        def blocks() -> Iterator[Examples]:
            step = 0
            for rows in self._whole_batches(epoch, start, whole, per_block, order):
                for first in range(0, len(rows), per_block):
                    block = rows[first : first + per_block]
                    yield Examples(epoch, self._positions_of(step, len(block), start), block)
                    step += len(block)
            if self.num_steps(start) > whole:
                positions = self.positions(whole, start)
                rows = self.rows_at(positions, epoch, order)
                yield Examples(epoch, positions[np.newaxis], rows[np.newaxis])

        return blocks()

    def _positions_of(self, step: int, steps: int, start: int) -> NDArray[np.int64]:
        """Return the positions of `steps` whole batches, int64 (steps, batch)."""
        first = start + step * self.global_batch_size + self.shard[0] * self.batch_size
        firsts = first + np.arange(steps, dtype=np.int64) * self.global_batch_size
        return firsts[:, np.newaxis] + np.arange(self.batch_size, dtype=np.int64)

    def _whole_batches(
        self, epoch: int, start: int, count: int, per_block: int, order: NDArray[np.int64] | None
    ) -> Iterator[NDArray[np.int64]]:
        """Yield this shard's part of `count` whole global batches, many at a time."""
        if order is not None:
            index, shards = self.shard
            positions = order[start : start + count * self.global_batch_size]
            yield positions.reshape(count, shards, self.batch_size)[:, index]
            return
        per_call = max(per_block, self._steps_together) if self.shuffle else per_block
        for first in range(0, count, per_call):
            steps = min(per_call, count - first)
            yield self.rows_at(self._positions_of(first, steps, start), epoch)

    def consumed(self, steps: int, start: int = 0) -> int:
        """Return how many examples of an epoch all shards have consumed after `steps` steps.

        It is ``min(start + steps * global_batch_size, num_examples)``.
        """
        start = self.check_start(start)
        steps = check_range("steps", steps, 0, self.num_steps(start))
        return min(start + steps * self.global_batch_size, self.num_examples)

    def state(
        self,
        epoch: int,
        steps: int,
        start: int = 0,
        *,
        digest: str = "",
        transform: Sequence[Mapping[str, Any]] = (),
    ) -> State:
        """Return the position after `steps` steps of an epoch, to save and to resume from.

        After the last step it is the head of the next epoch. Loaders have `state_dict`; this is for
        a ``tf.data`` pipeline, for example, which cannot count.

        Parameters
        ----------
        epoch, start : int
            Which epoch, and how many of its examples were consumed before its first step.
        steps : int
            Batches received in it.
        digest : str
            `Dataset.digest` of the data. With "", other data are not detected.
        transform : sequence of mapping
            `Chain.record` of the transforms, if any.

        Raises
        ------
        OptionError
            If the epoch cannot begin at this start, or has fewer steps.
        """
        examples = self.consumed(steps, start)
        if examples and steps == self.num_steps(start):
            epoch, examples = check_epoch(epoch) + 1, 0
        return State(
            order=ORDER_VERSION,
            digest=digest,
            shuffle=self.shuffle,
            seed=self.seed,
            epoch=check_epoch(epoch),
            examples=examples,
            transform=[dict(step) for step in transform],
        )

    def position(
        self,
        state: object,
        *,
        digest: str = "",
        title: str = "these data",
        transform: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[int, int]:
        """Return where to resume from a state: `epoch` and `start` for `Dataset.to`.

        Parameters
        ----------
        state : mapping
            The result of `state` or of a loader's `state_dict`, under any batch size, shards or
            framework.
        digest, title : str
            `Dataset.digest` of the data, and their name in an error.
        transform : sequence of mapping
            `Chain.record` of the transforms, if any.

        Raises
        ------
        DataMismatchError
            If the state belongs to other data.
        OptionError
            If it is not a state, has another order or other transforms, or an epoch of this plan
            cannot begin there.
        """
        saved = checked_state(state)
        check_same_data(saved, digest, title)
        check_same_transforms(saved, transform)
        check_same_order(saved, self.shuffle, self.seed)
        return saved["epoch"], self.check_start(saved["examples"])

    def record(self) -> dict[str, Any]:
        """Return `shard` and the settings that all shards share, in a form that JSON can hold."""
        return {"order": ORDER_VERSION, **asdict(self)}

    def positions(self, step: int, start: int = 0) -> NDArray[np.int64]:
        """Return the places of one batch in the epoch's order: int64 (batch,).

        Places of fillers are `num_examples` or more.
        """
        first, size = self.span(step, start)
        return np.arange(first, first + size, dtype=np.int64)

    @property
    def caches_order(self) -> bool:
        """Whether a whole epoch's order is computed at once: it is shuffled and small enough."""
        return self.shuffle and 0 < self.num_examples <= KEPT_ORDER_LIMIT

    def rows_at(
        self, positions: NDArray[np.int64], epoch: int, order: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Return the rows at the given positions of an epoch; fillers begin again at the head."""
        if positions.size and positions.max() >= self.num_examples:
            positions = positions % self.num_examples
        if order is not None:
            return order[positions]
        if self.shuffle and len(positions):
            return index_shuffle(positions, self.num_examples, self.seed, epoch)
        return positions

    def span(self, step: int, start: int) -> tuple[int, int]:
        """Return the first position and the size of a batch; "pad" may reach beyond the end."""
        start = self.check_start(start)
        if not (steps := self.num_steps(start)):
            raise OptionError(f"there is no step {step}: the epoch has none after {start} examples")
        step = check_range("step", step, 0, steps - 1)
        index, count = self.shard
        global_first = start + step * self.global_batch_size
        left = self.num_examples - global_first
        if left >= self.global_batch_size or self.remainder == "pad":
            return global_first + index * self.batch_size, self.batch_size
        size, longer = divmod(left, count)
        return global_first + index * size + min(index, longer), size + (index < longer)


@lru_cache(maxsize=4)
def _kept_rows(plan: BatchPlan, epoch: int, start: int, first: int, end: int) -> NDArray[np.int64]:
    """Return the rows of consecutive whole batches, int64 (steps, batch); do not write to them.

    Callers that ask for a batch by its number usually ask for the next ones too.
    """
    return plan.rows_at(plan._positions_of(first, end - first, start), epoch)
