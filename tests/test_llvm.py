"""TensorFlow's LLVM symbols stay private, so that triton does not crash."""

import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

from fmnist_core import llvm

SHARES_ITS_LLVM = """
import ctypes
print(hasattr(ctypes.CDLL(None), "_ZN4llvm2cl6Option11addArgumentEv"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere libraries share no symbols")
@pytest.mark.skipif(not find_spec("tensorflow"), reason="needs TensorFlow")
@pytest.mark.parametrize(
    "imports", ["import fmnist_tensorflow", "import fmnist_torch; import tensorflow"]
)
def test_tensorflow_keeps_its_llvm_to_itself(imports: str) -> None:
    if "torch" in imports and not find_spec("torch"):
        pytest.skip("needs torch")
    command = [sys.executable, "-c", imports + SHARES_ITS_LLVM]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"False\n"


@pytest.fixture
def triton_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "triton.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "triton", raising=False)


def test_a_tensorflow_that_shares_its_llvm_warns_of_triton(
    monkeypatch: pytest.MonkeyPatch, triton_is_installed: None
) -> None:
    monkeypatch.setitem(sys.modules, llvm.HELPER, sys)
    with pytest.warns(UserWarning, match="Try: import triton, or fmnist_torch, before tensorflow"):
        llvm.warn_if_shared()


@pytest.mark.parametrize("reason", ["hidden", "not imported", "triton imported", "no triton"])
def test_otherwise_there_is_no_warning(
    monkeypatch: pytest.MonkeyPatch, triton_is_installed: None, reason: str
) -> None:
    monkeypatch.setitem(sys.modules, llvm.HELPER, sys)
    if reason == "hidden":
        monkeypatch.setitem(sys.modules, llvm.HELPER, None)
    elif reason == "not imported":
        monkeypatch.delitem(sys.modules, llvm.HELPER)
    elif reason == "triton imported":
        monkeypatch.setitem(sys.modules, "triton", sys)
    else:
        monkeypatch.setattr(llvm, "find_spec", lambda name: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        llvm.warn_if_shared()


def test_a_tensorflow_that_is_loaded_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, llvm.HELPER, sys)
    llvm.keep_private()
    assert sys.modules[llvm.HELPER] is sys
