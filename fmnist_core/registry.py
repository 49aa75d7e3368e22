"""Find an adapter by name and import only that one; find the datasets of plugins."""

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from warnings import warn

import pluggy

from fmnist_core import hookspecs
from fmnist_core.catalog import CATALOG
from fmnist_core.entry_points import only_value
from fmnist_core.errors import (
    AdapterConflictError,
    AdapterInvalidError,
    AdapterNotFoundError,
    FrameworkMissingError,
    OptionError,
    UnknownDatasetError,
    brief,
)
from fmnist_core.hookspecs import CATALOG_GROUP, PROJECT, Adapter
from fmnist_core.records import DatasetInfo

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints


def available_adapters() -> list[str]:
    """Return the names of all installed adapters, from package metadata; imports nothing."""
    return sorted(_entry_points(PROJECT).names)


def get_adapter(name: str) -> Adapter:
    """Import one adapter and return it.

    Raises
    ------
    AdapterNotFoundError
        If no installed package provides that name.
    AdapterConflictError
        If several packages do.
    FrameworkMissingError
        If the adapter is installed but its framework is not.
    AdapterInvalidError
        If the plugin lacks the hook, or the hook does not return an adapter of that name.
    """
    value, load = _offered(name)
    manager = _plugin_manager()
    try:
        manager.register(load(), name=name)
        manager.check_pending()
    except ModuleNotFoundError as error:
        if _is_own(error.name, value):
            raise
        raise FrameworkMissingError(
            f"adapter {name!r} needs {error.name!r}, which is not installed. "
            f"Try: pip install {_requirement(_only_offer(name), error.name)}"
        ) from error
    except pluggy.PluginValidationError as error:
        raise AdapterInvalidError(f"{value}, adapter {name!r}: {error}") from error
    return _checked(manager.hook.fmnist_adapter(), name, value)


def find_dataset(name: str) -> DatasetInfo:
    """Return the record of a dataset, from the catalog or a plugin.

    Raises
    ------
    UnknownDatasetError
        If neither has that name.
    """
    if not isinstance(name, str):
        raise OptionError(f"name must be a str, not {brief(name)}")
    if name in CATALOG:
        return CATALOG[name]
    added = _plugin_catalog()
    if name not in added:
        from difflib import get_close_matches

        names = sorted({*CATALOG, *added})
        close = [other for other in names if name and name in other]
        asked = _DATASET_NICKNAMES.get(name.lower(), name.lower().replace("_", "-"))
        close = close or get_close_matches(asked, names, n=3)
        meant = f". Did you mean {' or '.join(close)}?" if close else ""
        raise UnknownDatasetError(
            f"expected a dataset of the catalog ({', '.join(names)}), found {brief(name)}{meant}",
            advice="open_idx(images_path, labels_path) for your own IDX files",
            command="fmnist list",
        )
    return added[name]


def _plugin_catalog() -> dict[str, DatasetInfo]:
    """Return the datasets that plugins add; a broken plugin is left out with a warning."""
    added: dict[str, DatasetInfo] = {}
    for offer in _entry_points(CATALOG_GROUP):
        manager = _plugin_manager()
        try:
            manager.register(offer.load())
            manager.check_pending()
            (more,) = manager.hook.fmnist_catalog()
            records = {info.name: info for info in more.values()}
            if not records or list(records) != list(more):
                raise TypeError(f"expected a mapping of names to DatasetInfo, found {more!r}")
        except Exception as error:
            warn(f"dataset plugin {offer.value} is left out: {error!r}", stacklevel=4)
            continue
        if twice := sorted(records.keys() & {*CATALOG, *added}):
            raise AdapterConflictError(
                f"dataset {', '.join(twice)} comes from {offer.value} and from another plugin. "
                "Try: pip uninstall one of them"
            )
        added |= records
    return added


def check_options(adapter: Adapter, options: Mapping[str, Any]) -> None:
    """Raise OptionError for an option that an adapter's loader does not have."""
    if decided := sorted(set(options) & set(_SHARED_PARAMETERS)):
        raise OptionError(f"{', '.join(decided)} is not an option: Dataset.to sets it")
    for name in sorted(set(options) & set(_OTHER_WORDS)):
        raise OptionError(f"fmnist has no option {name}. Try: {_OTHER_WORDS[name]}")
    parameters = inspect.signature(adapter.loader).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        offered = [name for name in parameters if name not in _SHARED_PARAMETERS]
        raise OptionError(
            f"adapter {adapter.name!r} has no option {', '.join(unknown)}; besides the options of "
            f"every adapter it has {', '.join(offered) or 'none'}"
        )


def own_shard(adapter: Adapter, options: Mapping[str, Any]) -> tuple[int, int]:
    """Return the shard of this process as an adapter's framework knows it, or raise OptionError."""
    ask = getattr(adapter, "shard", None)
    if ask is None:
        raise OptionError(
            f"adapter {adapter.name!r} cannot tell which process this is, so it has no "
            'shard="auto". Try: shard=(index, count)'
        )
    pair: tuple[int, int] = ask(options)
    return pair


_OTHER_WORDS = {
    "drop_last": 'remainder="drop"',
    "drop_remainder": 'remainder="drop"',
    "normalize": 'scale="standard"',
    "num_shards": "shard=(index, count)",
    "rank": 'shard=(rank, world_size) or shard="auto"',
    "world_size": 'shard=(rank, world_size) or shard="auto"',
}
"""Other libraries' names of options, and the options to use here."""

_SHARED_PARAMETERS = ("dataset", "plan", "encoding", "epoch", "start")


def _entry_points(group: str) -> "EntryPoints":
    # Imported here: it takes as long as half of the core, and is rarely needed.
    from importlib.metadata import entry_points

    return entry_points(group=group)


def _offered(name: str) -> tuple[str, Callable[[], object]]:
    """Return the value of an adapter's entry point, and what imports it."""
    module = only_value(PROJECT, name)
    if module is None:
        offer = _only_offer(name)
        return offer.value, offer.load
    return module, lambda: import_module(module)


def _only_offer(name: str) -> "EntryPoint":
    offers = sorted(_entry_points(PROJECT).select(name=name), key=lambda offer: offer.value)
    if not offers:
        close = _close_adapters(name)
        advice = " or ".join(map(repr, close)) or "pip install the package that provides it"
        raise AdapterNotFoundError(
            f"expected one of {available_adapters()}, found {name!r:.80}. Try: {advice}"
        )
    if len(offers) > 1:
        owners = ", ".join(f"{offer.value} ({_owner(offer)})" for offer in offers)
        raise AdapterConflictError(
            f"expected one adapter named {name!r}, found {len(offers)}: {owners}. "
            "Try: pip uninstall all but one of them"
        )
    return offers[0]


_NICKNAMES = {
    "flax": "jax",
    "jnp": "jax",
    "np": "numpy",
    "pt": "torch",
    "pytorch": "torch",
    "tf": "tensorflow",
}

_DATASET_NICKNAMES = {"fashion": "fashion-mnist", "fmnist": "fashion-mnist"}


def _close_adapters(name: str) -> list[str]:
    from difflib import get_close_matches

    names = available_adapters()
    lowered = name.lower()
    return get_close_matches(_NICKNAMES.get(lowered, lowered), names, n=2)


def _plugin_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def check_adapter(adapter: object) -> Adapter:
    """Return an adapter object, or raise OptionError for anything else, such as its module."""
    if isinstance(adapter, type) or not isinstance(adapter, Adapter):
        raise OptionError(
            f"expected an adapter object or a name, one of {available_adapters()}, "
            f"found {adapter!r}"
        )
    return adapter


def _checked(adapter: object, name: str, module: str) -> Adapter:
    if adapter is None:
        raise AdapterInvalidError(
            f"{module} is installed as adapter {name!r} but returns no adapter. Try: mark its "
            "function with @fmnist_core.hookimpl and name it fmnist_adapter"
        )
    if not isinstance(adapter, Adapter):
        missing = [part for part in _PARTS if not hasattr(adapter, part)]
        raise AdapterInvalidError(
            f"{module}, adapter {name!r}: {type(adapter).__name__} lacks {', '.join(missing)}; "
            "see fmnist_core.hookspecs.Adapter"
        )
    if adapter.name != name:
        raise AdapterInvalidError(
            f"{module} is installed as adapter {name!r}, but the adapter's name is "
            f"{adapter.name!r}. Try: give the entry point and the adapter the same name"
        )
    return adapter


_PARTS = ("name", "layout", "label_dtype", "writable", "loader", "to_numpy")


def _is_own(module: str | None, value: str) -> bool:
    """Whether a missing module is fmnist's or the adapter's: a bug, not a missing framework."""
    packages = ("fmnist_core", value.partition(":")[0].partition(".")[0])
    return module is not None and module.partition(".")[0] in packages


def _owner(offer: "EntryPoint") -> str:
    return offer.dist.name if offer.dist else "unknown package"


def _requirement(offer: "EntryPoint", module: str | None) -> str:
    """Return what to install: the extra with the adapter's name, if its package has one."""
    if offer.dist and offer.name in (offer.dist.metadata.get_all("Provides-Extra") or ()):
        return f'"{offer.dist.name}[{offer.name}]"'
    return module or offer.name
