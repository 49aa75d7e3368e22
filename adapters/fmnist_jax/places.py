"""Where arrays are: a device by its name, and global arrays laid out over a mesh."""

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from fmnist_core.batch import Assembler, first_examples
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan

DeviceLike = jax.Device | str
ShardingLike = Sharding | PartitionSpec | Mesh


def checked_device(device: object) -> jax.Device:
    """Return a device, or the first device of a platform that is given by name.

    Raises
    ------
    OptionError
        If there is no such device; or if ``jax.set_mesh`` has set a mesh of other devices, because
        JAX then computes nothing with arrays on one device.
    """
    target = _found_device(device)
    mesh = _mesh_in_use()
    if mesh is not None and set(mesh.devices.flat) != {target}:
        raise OptionError(
            f"with a mesh of {mesh.size} devices in use, JAX computes nothing on {target} alone. "
            "Try: sharding=, or make the loader without jax.set_mesh"
        )
    return target


def _found_device(device: object) -> jax.Device:
    if isinstance(device, jax.Device):
        return device
    if not isinstance(device, str):
        raise OptionError(
            f'expected a jax.Device or a platform, such as jax.devices()[0] or "cpu", found '
            f"{device!r:.80}. Try: sharding= for a layout over several devices"
        )
    try:
        return jax.devices(device)[0]
    except RuntimeError as error:
        raise OptionError(
            f"expected a platform of JAX, found {device!r:.80}: {error}. "
            "Try: device=jax.devices()[0]"
        ) from error


def named_sharding(layout: object) -> Sharding:
    """Return a sharding as it is, or the sharding of a spec or mesh if it is unambiguous.

    Raises
    ------
    OptionError
        For a spec without a mesh or with axes that it lacks, a mesh of several axes, or anything
        else.
    """
    if isinstance(layout, Sharding):
        return layout
    if isinstance(layout, PartitionSpec):
        mesh = _mesh_in_use()
        if mesh is None:
            raise OptionError(
                f"{layout} names axes of a mesh, but no mesh is set. "
                "Try: sharding=NamedSharding(mesh, spec), or jax.set_mesh(mesh)"
            )
        try:
            return NamedSharding(mesh, layout)
        except ValueError as error:
            raise OptionError(
                f"expected a spec over the mesh in use, of the axes {mesh.axis_names}, found "
                f"{layout}: {error}"
            ) from error
    if isinstance(layout, Mesh):
        if len(layout.axis_names) == 1:
            return NamedSharding(layout, PartitionSpec(layout.axis_names[0]))  # type: ignore[no-untyped-call]
        raise OptionError(
            f"a mesh of the axes {layout.axis_names} does not say which of them divides a batch. "
            f"Try: sharding=NamedSharding(mesh, PartitionSpec({layout.axis_names[0]!r}))"
        )
    raise OptionError(
        f"expected a Sharding, a PartitionSpec or a Mesh, found {layout!r:.80}. "
        "Try: sharding=NamedSharding(mesh, PartitionSpec(...))"
    )


def _mesh_in_use() -> Mesh | None:
    """Return the mesh of ``jax.set_mesh``, which JAX has since 0.6."""
    get_mesh = getattr(jax.sharding, "get_mesh", None)
    mesh: Mesh | None = get_mesh() if get_mesh else None
    return None if mesh is None or mesh.empty else mesh


def field_sharding(sharding: Sharding, ndim: int) -> Sharding:
    """Return the sharding of a field: as many entries of the spec as the field has axes."""
    if isinstance(sharding, NamedSharding) and len(sharding.spec) > ndim:
        spec = PartitionSpec(*sharding.spec[:ndim])  # type: ignore[no-untyped-call]
        return NamedSharding(sharding.mesh, spec, memory_kind=sharding.memory_kind)
    return sharding


def check_layout(plan: BatchPlan, assemble: Assembler, sharding: Sharding, start: int) -> None:
    """Check in advance that every batch can be laid out.

    Raises
    ------
    OptionError
        If a batch cannot be divided this way, or the plan's shard is not this process.
    """
    processes = jax.process_index(), jax.process_count()
    if plan.shard != processes:
        raise OptionError(
            f"with sharding, expected shard to be this process and the number of processes, "
            f'{processes}, found {plan.shard}. Try: shard="auto"'
        )
    arrays = assemble(first_examples(1)) if len(assemble.dataset) else ()
    for size, own in _different_batches(plan, start):
        for array in arrays:
            shape = (size, *np.shape(array)[1:])
            _check_array(field_sharding(sharding, len(shape)), shape, own)


def _different_batches(plan: BatchPlan, start: int) -> set[tuple[int, range]]:
    """Return the sizes of the global batches, each with the part of it that this shard holds."""
    batches = set()
    for begin in {0, start}:
        steps = plan.num_steps(begin)
        for step in {0, steps - 1} if steps else ():
            first = begin + step * plan.global_batch_size
            own_first, own_size = plan.span(step, begin)
            left = plan.num_examples - first if plan.remainder == "keep" else plan.global_batch_size
            own = range(own_first - first, own_first - first + own_size)
            batches.add((min(left, plan.global_batch_size), own))
    return batches


def _check_array(sharding: Sharding, shape: tuple[int, ...], own: range) -> None:
    """Raise OptionError unless a batch can be divided so and this process holds its own part."""
    size = shape[0]
    if sharding.is_fully_addressable:
        shape = (len(own), *shape[1:])  # of one process, or of a mesh in each process
    try:
        sharding.shard_shape(shape)
    except ValueError as error:
        raise OptionError(
            f"a batch of {shape[0]} cannot be laid out as {sharding}: {error}. "
            'Try: another batch_size, or remainder="drop" or "pad"'
        ) from error
    if sharding.is_fully_addressable:
        return
    indices = sharding.addressable_devices_indices_map(shape).values()
    held = {index[0].indices(size)[:2] for index in indices if index}
    rows = sorted(row for first, end in held for row in range(first, end))
    if rows != list(own):
        # JAX would take what each process sends for the rows of its devices, and check nothing.
        raise OptionError(
            f"as {sharding}, the devices of process {jax.process_index()} hold other examples of a "
            f"batch of {size} than {own.start} to {own.stop - 1}, its shard. Try: a mesh of the "
            "devices in the order of jax.devices(), whose first axis divides the batch"
        )
