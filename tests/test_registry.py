"""Finding adapters: other people's plugins, made by the tests, and each way to fail."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

from fmnist_core import (
    Adapter,
    AdapterConflictError,
    AdapterInvalidError,
    AdapterNotFoundError,
    FrameworkMissingError,
    UnknownDatasetError,
    available_adapters,
    get_adapter,
)
from fmnist_core.registry import find_dataset
from fmnist_core.testing import CHECKS

OURS = ["jax", "keras", "numpy", "ray", "tensorflow", "torch"]

WORKING = """
    from fmnist_core import hookimpl
    from fmnist_numpy import NumpyAdapter

    class Stranger(NumpyAdapter):
        name = "stranger"

    @hookimpl
    def fmnist_adapter():
        return Stranger()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Return a function that installs a plugin of one module, as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(
        module: str, source: str, *, name: str = "stranger", group: str = "fmnist", extra: str = ""
    ) -> None:
        (tmp_path / f"{module}.py").write_text(dedent(source))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        provides = f"Provides-Extra: {extra}\n" if extra else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\n{provides}")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return installed


def test_our_adapters_are_on_offer() -> None:
    assert set(available_adapters()) >= set(OURS)  # a plugin may be installed beside them


@pytest.mark.parametrize(
    ("name", "nickname"),
    [
        ("tensorflow", "tf"),
        ("torch", "pytorch"),
        ("tensorflow", "TensorFlow"),
        ("torch", "troch"),
        ("jax", "jnp"),
        ("torch", "pt"),
    ],
)
def test_a_close_name_is_proposed(name: str, nickname: str) -> None:
    with pytest.raises(AdapterNotFoundError, match=f"Try: '{name}'"):
        get_adapter(nickname)


def test_a_strangers_adapter_is_found_and_conforms(install) -> None:  # type: ignore[no-untyped-def]
    install("plug_working", WORKING)
    assert "stranger" in available_adapters()
    adapter = get_adapter("stranger")
    assert isinstance(adapter, Adapter)
    for check in CHECKS:
        check(adapter)


def test_unknown_name() -> None:
    with pytest.raises(AdapterNotFoundError, match=r"'jax', 'keras', .*found 'tourch'"):
        get_adapter("tourch")


def test_name_claimed_twice(install) -> None:  # type: ignore[no-untyped-def]
    install("plug_one", WORKING)
    install("plug_two", WORKING)
    with pytest.raises(AdapterConflictError, match=r"plug_one .*plug_two .*pip uninstall"):
        get_adapter("stranger")


def test_missing_framework(install) -> None:  # type: ignore[no-untyped-def]
    install("plug_missing", "import no_such_framework\n" + dedent(WORKING))
    with pytest.raises(FrameworkMissingError, match="pip install no_such_framework") as caught:
        get_adapter("stranger")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_missing_framework_names_the_extra_that_brings_it(install) -> None:  # type: ignore[no-untyped-def]
    install("plug_extra", "import no_such_framework", extra="stranger")
    with pytest.raises(FrameworkMissingError, match=r'pip install "plug_extra\[stranger\]"'):
        get_adapter("stranger")


def test_missing_torch_names_our_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for module in [name for name in sys.modules if name.partition(".")[0] == "fmnist_torch"]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(FrameworkMissingError, match=r'pip install "fmnist\[torch\]"'):
        get_adapter("torch")


@pytest.mark.parametrize(
    "line",
    [
        "from fmnist_core import no_such_name",
        "import fmnist_core.no_such_module",
        "import plug_bug.no_such_sibling",
    ],
)
def test_an_adapters_own_bug_is_not_blamed_on_the_framework(install, line: str) -> None:  # type: ignore[no-untyped-def]
    install("plug_bug", line + "\n" + dedent(WORKING))
    with pytest.raises(ImportError, match="no_such") as caught:
        get_adapter("stranger")
    assert not isinstance(caught.value, FrameworkMissingError)


INVALID = {
    "without the hook": ("x = 1", "returns no adapter.*hookimpl"),
    "without the marker": (WORKING.replace("@hookimpl", ""), "returns no adapter.*hookimpl"),
    "returning none": (
        "from fmnist_core import hookimpl\n@hookimpl\ndef fmnist_adapter(): return None",
        "returns no adapter",
    ),
    "misspelt hook": (
        "from fmnist_core import hookimpl\n@hookimpl\ndef fmnist_adaptor(): return 1",
        "fmnist_adaptor",
    ),
    "hook with an argument": (
        "from fmnist_core import hookimpl\n@hookimpl\ndef fmnist_adapter(size): return 1",
        "size",
    ),
    "not an adapter": (
        "from fmnist_core import hookimpl\n@hookimpl\ndef fmnist_adapter(): return 3",
        "int lacks name, layout",
    ),
    "another name": (
        dedent(WORKING).replace('"stranger"', '"foreigner"'),
        "name is .foreigner.",
    ),
}


@pytest.mark.parametrize("fault", INVALID)
def test_a_plugin_without_an_adapter(install, fault: str) -> None:  # type: ignore[no-untyped-def]
    source, message = INVALID[fault]
    install("plug_invalid", source)
    with pytest.raises(AdapterInvalidError, match=message):
        get_adapter("stranger")


def test_a_broken_plugin_does_not_stop_the_others(install) -> None:  # type: ignore[no-untyped-def]
    install("plug_broken", "raise RuntimeError('broken')")
    assert get_adapter("numpy").name == "numpy"


def test_plugins_add_datasets(install) -> None:  # type: ignore[no-untyped-def]
    source = """
        from dataclasses import replace
        from fmnist_core import hookimpl
        from fmnist_core.catalog import MNIST

        @hookimpl
        def fmnist_catalog():
            return {"my-digits": replace(MNIST, name="my-digits")}
    """
    install("plug_catalog", source, name="any", group="fmnist.catalog")
    assert find_dataset("my-digits").classes == tuple("0123456789")
    with pytest.raises(UnknownDatasetError, match="mnist, my-digits, qmnist, synthetic"):
        find_dataset("mnits")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_framework", "no_such_framework"),
        ("x = 1", "not enough values"),
        (
            "from fmnist_core import hookimpl\n@hookimpl\ndef fmnist_catalog(): return {'a': 3}",
            "name",
        ),
        (
            "from fmnist_core import hookimpl\n@hookimpl\ndef fmnist_catalogue(): return {}",
            "unknown",
        ),
    ],
)
def test_a_broken_dataset_plugin_is_left_out_with_a_warning(
    install, source: str, message: str
) -> None:  # type: ignore[no-untyped-def]
    install("plug_catalog", source, name="any", group="fmnist.catalog")
    with (
        pytest.warns(UserWarning, match=f"plug_catalog is left out: .*{message}"),
        pytest.raises(UnknownDatasetError),
    ):
        find_dataset("my-digits")


def test_a_dataset_offered_twice(install) -> None:  # type: ignore[no-untyped-def]
    source = (
        "from fmnist_core import hookimpl\nfrom fmnist_core.catalog import MNIST\n"
        "@hookimpl\ndef fmnist_catalog(): return {'mnist': MNIST}"
    )
    install("plug_catalog", source, name="any", group="fmnist.catalog")
    with pytest.raises(AdapterConflictError, match="dataset mnist comes from plug_catalog"):
        find_dataset("my-digits")


def imported_by(*statements: str) -> list[set[str]]:
    """Return the top-level names of the modules after each statement in a fresh interpreter."""
    loaded = "print(*{name.split('.')[0] for name, module in sys.modules.items() if module})"
    program = "\n".join(["import sys", *(f"{each}\n{loaded}" for each in statements)])
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return [set(line.split()) for line in run.stdout.splitlines()[-len(statements) :]]


HEAVY = {
    "torch",
    "tensorflow",
    "jax",
    "jaxlib",
    "ml_dtypes",
    "PIL",
    "click",
    "rich",
    "platformdirs",
}


def test_importing_the_core_imports_no_framework() -> None:
    (modules,) = imported_by("import fmnist_core")
    assert not modules & HEAVY


@pytest.mark.parametrize("name", OURS)
def test_loading_an_adapter_imports_only_its_framework(name: str) -> None:
    if not find_spec(name):
        pytest.skip(f"needs {name}")
    # TensorFlow itself imports jax where it is installed.
    framework, with_adapter = imported_by(
        f"import {name}", f"import fmnist_core; fmnist_core.get_adapter({name!r})"
    )
    assert with_adapter & HEAVY == framework & HEAVY
    assert f"fmnist_{name}" in with_adapter - framework


def test_an_entry_point_may_name_an_object_of_a_module(install) -> None:  # type: ignore[no-untyped-def]
    hook = "class Plugin:\n    fmnist_adapter = staticmethod(fmnist_adapter)\n\nplugin = Plugin()\n"
    install("plug_object", dedent(WORKING) + "\n" + hook)
    named = Path(sys.path[0]) / "plug_object-1.0.dist-info" / "entry_points.txt"
    named.write_text("[fmnist]\nstranger = plug_object:plugin\n")
    assert get_adapter("stranger").name == "stranger"
