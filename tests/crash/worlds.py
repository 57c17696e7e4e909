"""Whole stores as scenarios: a session that arrives, a store that is made, a record that is forgotten."""

from pathlib import Path

from checks import NOW, Acknowledge, Scenario
from crash_disk import Tree
from kits import QUIET, Kit

from orchestrator_mcp.analysis.digests import VERSION, digest
from orchestrator_mcp.analysis.redaction import redact_json
from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.records.fields import Level
from orchestrator_mcp.records.rule import Suggestion
from orchestrator_mcp.records.session import StoreMeta
from orchestrator_mcp.services.forgetting import forget
from orchestrator_mcp.storage import erasure
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import encode_line, parse_object, read_lines
from orchestrator_mcp.storage.paths import OrchestratorPaths, Roots
from orchestrator_mcp.storage.sessions import SessionManager
from orchestrator_mcp.storage.settings import Settings, Thinking
from orchestrator_mcp.storage.workspace import Workspace

erasure.SETTLING = 0.0  # nobody else is there who may write a text again

OURS = ".orchestrator"
SESSION = "s-1"


def workspace(root: Path, session: str | None = SESSION) -> Workspace:
    """A workspace that syncs nothing behind the test's back."""
    settings = Settings(session=session, source="agent", own_session=True)
    opened = Workspace(Roots(root, root), settings, Thinking(redact_json, digest, VERSION), lambda: NOW)
    opened._flusher = QUIET
    return opened


def failure(context: str = "a test failed", feedback: str = "do better") -> Failure:
    return Failure(id=new_id(), timestamp=NOW, context=context, feedback=feedback)


def suggestion(title: str) -> Suggestion:
    return Suggestion(
        id=f"rule_{new_id()}", timestamp=NOW, pattern_id="pat_1", title=title, category="Testing", priority=Level.HIGH,
        confidence=Level.HIGH, target="CLAUDE.md", draft=f"{title}.", content_sha256="0" * 64, entries=5, sessions=3,
        of_sessions=10,
    )  # fmt: skip


# -- a session --------------------------------------------------------------------------------------------------------


def arriving() -> Scenario:
    """A session appears whole or not at all."""

    def run(kit: Kit, root: Path, acknowledge: Acknowledge) -> None:
        SessionManager(OrchestratorPaths(root)).create_session(SESSION, now=NOW)
        acknowledge(SESSION)

    def look(kit: Kit, root: Path, acked: set[str]) -> list[str]:
        sessions = SessionManager(OrchestratorPaths(root))
        found = [f"{name} is half there" for name in sessions.list_sessions() if not _is_whole(root, name)]
        return found + [f"lost: {name}" for name in acked - set(sessions.list_sessions())]

    def recover(kit: Kit, root: Path) -> None:
        sessions = SessionManager(OrchestratorPaths(root))
        sessions.create_session(SESSION, now=NOW)
        sessions.set_current_session(SESSION)

    def judge(kit: Kit, root: Path, acked: set[str], tree: Tree) -> list[str]:
        sessions = SessionManager(OrchestratorPaths(root))
        found = look(kit, root, acked | {SESSION})
        return found + ([] if sessions.get_current_session() == SESSION else ["it cannot be made the current one"])

    return Scenario("a session arrives", lambda root: set(), run, look, recover, judge, survives=True)


def _is_whole(root: Path, name: str) -> bool:
    path = root / OURS / "sessions" / name / "meta.json"
    return path.is_file() and (parse_object(path.read_bytes()) or {}).get("session_id") == name


# -- a store ----------------------------------------------------------------------------------------------------------


def making() -> Scenario:
    """A store is made, with its key, its first session and its first records."""

    def run(kit: Kit, root: Path, acknowledge: Acknowledge) -> None:
        opened = workspace(root)
        acknowledge(f"repo {opened.store().repo_id}")
        acknowledge(f"key {opened.key().hex()}")
        one = opened.stream(Suggestion).append(suggestion("first"))
        acknowledge(f"rule {one.id}")
        opened.stream(Failure).append(failure())
        acknowledge(f"session {opened.session_id()}")

    def recover(kit: Kit, root: Path) -> None:
        opened = workspace(root)
        opened.stream(Suggestion).append(suggestion("next"))
        opened.stream(Failure).append(failure())

    def judge(kit: Kit, root: Path, acked: set[str], tree: Tree) -> list[str]:
        opened = workspace(root)
        rules = opened.read(Suggestion)
        found = {f"rule {one.id}" for one in rules.records}
        found |= {f"repo {opened.store().repo_id}", f"key {opened.key().hex()}"}
        found |= {f"session {name}" for name in opened.sessions.list_sessions() if _is_whole(root, name)}
        found |= _identity(tree) & found
        wrong = [f"lost: {one}" for one in sorted((acked | _identity(tree)) - found)]
        wrong += [] if [one.title for one in rules.records][-1] == "next" else ["the next record is not the last"]
        wrong += [] if opened.read(Failure).records else ["the next failure is lost"]
        modes = {path: path.stat().st_mode & 0o077 for path in root.rglob("*")}
        return wrong + [f"{path} is open to others" for path, mode in modes.items() if mode]

    return Scenario("a store is made", lambda root: set(), run, lambda *_: [], recover, judge, survives=True)


def _identity(tree: Tree) -> set[str]:
    """What a state says of itself, which no recovery may change."""
    found = set()
    meta, key = (tree.get(f"{OURS}/{name}") for name in ("meta.json", "secrets/redaction.key"))
    if meta and meta[3].endswith(b"\n"):
        found.add(f"repo {StoreMeta.model_validate_json(meta[3]).repo_id}")
    if key and len(key[3]) == 32:
        found.add(f"key {key[3].hex()}")
    return found


# -- forgetting -------------------------------------------------------------------------------------------------------

SECRET = "the raspberry phrase on toast"
OTHER = "another text that stays where it is"


def forgetting() -> Scenario:
    """A record's text leaves every file: the record, those that quote it, a torn tail, a quarantine, a report."""
    ids: dict[str, str] = {}

    def prepare(root: Path) -> set[str]:
        first, second = workspace(root, "s-1"), workspace(root, "s-2")
        for opened in (first, second):
            opened.stream(Failure).append(failure(OTHER))
        ids["secret"] = first.stream(Failure).append(failure("it asked for words", SECRET)).id
        second.stream(Failure).append(failure(f"quoted: {SECRET}"))
        first.write_report("report.md", SECRET)
        torn = encode_line({"id": new_id(), "context": SECRET})[:-3]
        path = root / OURS / "sessions" / "s-2" / "failures.jsonl"
        path.write_bytes(path.read_bytes() + torn)
        return {OTHER}

    def run(kit: Kit, root: Path, acknowledge: Acknowledge) -> None:
        forget(workspace(root), ids["secret"])
        acknowledge("forgotten")

    def look(kit: Kit, root: Path, acked: set[str]) -> list[str]:
        said = [(parse_object(line.data) or {}).get("context") for name in ("s-1", "s-2")
                for line in read_lines(root / OURS / "sessions" / name / "failures.jsonl")]  # fmt: skip
        found = [] if said.count(OTHER) == 2 and len(said) == 4 else [f"the records are {said}"]
        return found + (_said(root) if "forgotten" in acked else [])

    def recover(kit: Kit, root: Path) -> None:
        forget(workspace(root), ids["secret"])

    def judge(kit: Kit, root: Path, acked: set[str], tree: Tree) -> list[str]:
        return look(kit, root, acked) + _said(root)

    return Scenario("forget a record", prepare, run, look, recover, judge)


def _said(root: Path) -> list[str]:
    """The files that still hold the text."""
    files = [path for path in root.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    return [f"{path.relative_to(root)} still says it" for path in files]


KILLED_SCENARIOS = (arriving(), making(), forgetting())
SYNCED_WORLDS = (arriving(), making())
