"""The layers, proved: who may import whom, and which layers never touch the world."""

import ast
import re
from pathlib import Path

import pytest

from orchestrator_mcp import errors

PACKAGE = Path(__file__).parents[1] / "orchestrator_mcp"
ALLOWED = {
    "errors": set(),
    "records": {"errors"},
    "analysis": {"errors", "records"},
    "storage": {"errors", "records"},
    "services": {"errors", "records", "analysis", "storage"},
    "server": {"errors", "records", "analysis", "services", "storage"},
    "cli": {"errors", "records", "analysis", "services", "storage", "web", "__main__"},  # `serve` starts the server
    "web": {"errors", "records", "analysis", "services", "storage"},
    "__init__": {"errors", "analysis", "services", "storage"},
    "__main__": {"server", "services", "storage"},
}
WORLD = {"os", "pathlib", "tempfile", "shutil", "subprocess", "filelock", "socket", "mcp", "sqlite3", "urllib", "http"}
PURE = {"records", "analysis"}
FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports_of(path: Path) -> set[str]:
    """Every module a file imports, written out in full."""
    found: set[str] = set()
    package = ["orchestrator_mcp", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {stem} | {f"{stem}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_layer_imports_only_from_beneath_it(path: Path) -> None:
    mine = layer_of(path)
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("orchestrator_mcp.") and "." in name}
    foreign = {layer for layer in ours if layer in ALLOWED} - ALLOWED[mine] - {mine, "__init__"}
    assert not foreign, f"{mine} may not import {sorted(foreign)}"


@pytest.mark.parametrize("path", [one for one in FILES if layer_of(one) in PURE], ids=lambda path: path.name)
def test_records_and_analysis_do_not_touch_the_world(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & WORLD


@pytest.mark.parametrize("path", [one for one in FILES if layer_of(one) == "server"], ids=lambda path: path.name)
def test_an_agent_has_no_way_to_approve(path: Path) -> None:
    assert not any("approval" in name for name in imports_of(path))


NETWORK = {
    "aiohttp", "asyncio.streams", "ftplib", "http", "httpx", "httpx2", "imaplib", "poplib", "requests", "smtplib", "socket",
    "socketserver", "ssl", "starlette", "telnetlib", "urllib.request", "urllib3", "uvicorn", "websockets", "xmlrpc",
}  # fmt: skip


def uses_network(names: set[str]) -> set[str]:
    """The modules among these that open connections; `urllib.parse` does not."""
    return {name for name in names if any(name == one or name.startswith(f"{one}.") for one in NETWORK)}


def has_network(path: Path) -> bool:
    """Where a network is allowed: outgoing in `storage/remote/`, incoming in `web/`."""
    return path.relative_to(PACKAGE).parts[:2] == ("storage", "remote") or layer_of(path) == "web"


@pytest.mark.parametrize(
    "path", [one for one in FILES if not has_network(one)], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_network_elsewhere(path: Path) -> None:
    assert not uses_network(imports_of(path))


def test_the_network_is_where_it_is_said_to_be() -> None:
    """Else the rule above would hold because the names are wrong."""
    found = {path.relative_to(PACKAGE).as_posix() for path in FILES if uses_network(imports_of(path))}
    assert found == {path for path in found if path.startswith(("storage/remote/", "web/"))}
    assert {"storage/remote/http.py", "web/collector.py"} <= found


def reached_from(start: list[Path]) -> set[Path]:
    """Every file of ours that these import, however far down, lazily or not."""
    by_name = {".".join(["orchestrator_mcp", *path.relative_to(PACKAGE).with_suffix("").parts]): path for path in FILES}
    found, waiting = set(start), list(start)
    while waiting:
        for path in {by_name[name] for name in imports_of(waiting.pop()) if name in by_name} - found:
            found.add(path)
            waiting.append(path)
    return found


def test_an_agent_has_no_way_to_send() -> None:
    """Nothing that the server can run leads to a network, or to the verb that shares feedback."""
    server = reached_from([one for one in FILES if layer_of(one) == "server"])
    assert PACKAGE / "services" / "feedback_sync.py" not in server
    assert not [path for path in server if uses_network(imports_of(path))]
    everything = reached_from([one for one in FILES if layer_of(one) == "cli"])
    assert PACKAGE / "storage" / "remote" / "http.py" in everything


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn, above = {}, ["Exception"]
    for bars, name in re.findall(r"^    ([│├└─ ]*)(\w+Error)\b", errors.__doc__ or "", re.MULTILINE):
        depth = len(bars) // 4 + 1
        above[depth:] = [name]
        drawn[name] = above[depth - 1]
    classes = {name: one for name, one in vars(errors).items() if isinstance(one, type)}
    assert drawn == {name: one.__bases__[0].__name__ for name, one in classes.items()}


TOUCHES_PATHS = {
    "access", "chmod", "exists", "glob", "is_dir", "is_symlink", "isdir", "isfile", "iterdir", "lexists", "listdir", "lstat",
    "makedirs", "mkdir", "read_bytes", "read_text", "readlink", "rename", "rglob", "rmdir", "rmtree", "scandir", "stat",
    "symlink_to", "unlink", "utime", "write_bytes", "write_text",
}  # fmt: skip


def test_storage_alone_opens_paths() -> None:
    """What opens, lists or looks at a path stands in storage, and where a face has to: demo, log, stdio."""
    faces = {"cli/demo.py", "cli/main.py"} | {f"server/{path.name}" for path in (PACKAGE / "server").glob("*.py")}
    for path in FILES:
        name = path.relative_to(PACKAGE).as_posix()
        if layer_of(path) == "storage" or name in faces:
            continue
        assert called_in(path) & {*TOUCHES_PATHS, "open", "os.open"} == set(), name


def called_in(path: Path) -> set[str]:
    """What a file calls: `open` for `open(…)`, `os.open` and `open` of a module, `mkdir` for `here.mkdir(…)`."""
    calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    methods = {one.attr for one in calls if isinstance(one, ast.Attribute)} - {"open"}
    return methods | {ast.unparse(one) for one in calls}
