"""What must hold after a crash, as scenarios that run over the real store and over every mutant of it.

A scenario is recorded once. Every state that a kill can leave (after each change, and within each write) is rebuilt,
looked at as a reader would, recovered by the next ordinary operation, and judged; recovery is recorded in its turn.
"""

import base64
import contextlib
import json
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "migration"))

from crash_disk import History, Tree, build_tree, fingerprint
from crash_recorder import recorded
from kits import NOW, Kit
from torture import checksum

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.lines import encode_line, parse_object

SEED = 20261121
Acknowledge = Callable[[str], None]


def record(name: str, pad: str = "a line\u2028of two") -> bytes:
    return encode_line({"id": name, "pad": pad, "sum": checksum(pad)})


def failure(name: str, text: str = "it\u2028failed", request: str | None = None) -> Failure:
    return Failure(id=name, timestamp=NOW, context=text, feedback=checksum(text), request_id=request)


@dataclass(frozen=True)
class Scenario:
    """One thing that may be killed.

    Args:
        prepare: lays out what was there before; returns what of it is acknowledged.
        run: does the thing, and says after which step what is acknowledged.
        look: what is wrong for a reader of the state that the kill left.
        recover: the next ordinary operation.
        judge: what is wrong afterwards, given what was acknowledged and the state as it was found.
        survives: whether what is acknowledged outlives a power loss.
    """

    name: str
    prepare: Callable[[Path], set[str]]
    run: Callable[[Kit, Path, Acknowledge], None]
    look: Callable[[Kit, Path, set[str]], list[str]]
    recover: Callable[[Kit, Path], None]
    judge: Callable[[Kit, Path, set[str], Tree], list[str]]
    survives: bool = False


@dataclass
class Campaign:
    """Tries the states of scenarios over one kit, each once."""

    base: Path
    kit: Kit
    samples: int = 2
    deepen: int = 20
    seed: int = SEED
    problems: list[str] = field(default_factory=list)
    by_scenario: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)
    _number: int = 0

    @property
    def states(self) -> int:
        return len(self._seen)

    def kill(self, scenario: Scenario) -> None:
        """Every state that a kill in it leaves, and then of every few of those, in its recovery."""
        rng = random.Random(self.seed)
        history, acks = self._record(scenario)
        for count, tree in _killed(history, rng, self.samples):
            acked = {name for at, name in acks if at <= count}
            deeper = self._try(scenario, tree, acked, f"killed after {count}", deepen=rng.randrange(self.deepen) == 0)
            for again, second in _killed(deeper, rng, self.samples // 2) if deeper else ():
                self._try(scenario, second, acked, f"killed after {count}, its recovery after {again}")

    def cut_power(self, scenario: Scenario) -> None:
        """States that a power loss in it leaves: what was not synced is there or is not, in any order."""
        rng = random.Random(self.seed)
        history, acks = self._record(scenario)
        tolerant = replace(scenario, look=lambda *_: [])
        for count in range(len(history.changes) + 1):
            for over in (False, True):
                acked = {name for at, name in acks if at < count + over}
                for tree in history.power_losses(count, rng, self.samples, over=over):
                    self._try(tolerant, tree, acked, f"power lost after {count} (over: {over})")

    def _record(self, scenario: Scenario) -> tuple[History, list[tuple[int, str]]]:
        root = self.base / f"r{self._number}"
        root.mkdir()
        acks = [(-1, name) for name in sorted(scenario.prepare(root))]
        with recorded(root) as history:
            scenario.run(self.kit, root, lambda name: acks.append((len(history.changes), name)))
        shutil.rmtree(root)
        self._number += 1
        return history, acks

    def _try(
        self, scenario: Scenario, tree: Tree, acked: set[str], where: str, *, deepen: bool = False
    ) -> History | None:
        mark = f"{scenario.name} {sorted(acked)} {fingerprint(tree)}"
        if mark in self._seen:
            return None
        self._seen.add(mark)
        self.by_scenario[scenario.name] += 1
        self._number += 1
        place = self.base / f"s{self._number}"
        build_tree(place, tree)
        found, history = [], None
        try:
            found += scenario.look(self.kit, place, acked)
            with recorded(place) if deepen else contextlib.nullcontext() as history:
                scenario.recover(self.kit, place)
            found += scenario.judge(self.kit, place, acked, tree)
        except Exception as error:  # noqa: BLE001  a mutant may fail in any way
            found.append(f"{type(error).__name__}: {error}")
        shutil.rmtree(place)
        self.problems += [f"{scenario.name}, {where} (seed {self.seed}): {one}" for one in found]
        return history


def _killed(history: History, rng: random.Random, samples: int) -> Iterator[tuple[int, Tree]]:
    disk = history.start.copy()
    yield 0, disk.tree()
    for count, change in enumerate(history.changes):
        if change.what == "write":
            for length in _prefixes(len(change.data), rng, samples):
                torn = disk.copy()
                torn.apply(replace(change, data=change.data[:length]))
                yield count, torn.tree()
        disk.apply(change)
        yield count + 1, disk.tree()


def _prefixes(length: int, rng: random.Random, samples: int) -> list[int]:
    edges = {1, 2, length - 1, length - 2}
    return sorted(n for n in edges | {rng.randrange(1, max(2, length)) for _ in range(2 * samples)} if 0 < n < length)


# -- lines ------------------------------------------------------------------------------------------------------------

LOG = "log.jsonl"

FRAGMENTS = {
    "half a record": record("torn")[:30],
    "a record that lacks its newline": record("torn")[:-1],
    "half a character": '{"id":"torn","pad":"é'.encode()[:-1],
    "NULs": b"\0" * 40,
    "what a healer left that looks like a record": b"   " + record("torn")[:-1],
    "a number": b"5",
    "a string": b'"x"',
    "a list": b"[1]",
    "blanks": b"    ",
    "a byte order mark": b"\xef\xbb\xbf" + record("torn")[:-1],
    "a record and half of another": record("torn")[:-1] + record("torn")[:20],
    "9 kB": b'{"id":"torn","pad":"' + b"x" * 9_000,
}


def _is_record(fragment: bytes) -> bool:
    return fragment.startswith(b"{") and parse_object(fragment) is not None


def appending(pad: str, *, first: bool = False) -> Scenario:
    """An append of a record, to a file with two or to none."""
    before = {} if first else {"a": record("a"), "b": record("b", "ü" * 40)}

    def prepare(root: Path) -> set[str]:
        if before:
            (root / LOG).write_bytes(b"".join(before.values()))
        return set(before)

    def run(kit: Kit, root: Path, acknowledge: Acknowledge) -> None:
        file = kit.open(root / LOG)
        for name in ("c", "d"):
            file.append(record(name, pad))
            acknowledge(name)

    name = f"append {len(pad)} characters to {'no' if first else 'a'} file"
    return Scenario(name, prepare, run, _look_at_lines, _append_next, _judge_lines)


def healing(what: str, *, first: bool = False, torn_note: bool = False) -> Scenario:
    """An append after a torn tail."""
    fragment = FRAGMENTS[what]

    def prepare(root: Path) -> set[str]:
        (root / LOG).write_bytes((b"" if first else record("a") + record("b")) + fragment)
        if torn_note:
            (root / f"{LOG}.quarantine").write_bytes(b'{"offset":0,"bytes_b64":"AA=="}\n{"offs')
        return set() if first else {"a", "b"}

    def run(kit: Kit, root: Path, acknowledge: Acknowledge) -> None:
        kit.open(root / LOG).append(record("c"))
        acknowledge("c")

    def judge(kit: Kit, root: Path, acked: set[str], tree: Tree) -> list[str]:
        found = _judge_lines(kit, root, acked, tree)
        names = {(parse_object(line.data) or {}).get("id") for line in kit.read(root / LOG)}
        if not _is_record(fragment) and fragment.strip(b" ") and fragment not in _notes(root / LOG):
            found.append("the torn tail was not kept")
        if _is_record(fragment) != ("torn" in names):
            found.append("a torn tail is a record exactly if it lacks no more than its newline")
        return found

    place = "in an empty file" if first else "after two records"
    name = f"heal {what} {place}{' with a torn note' if torn_note else ''}"
    return Scenario(name, prepare, run, _look_at_lines, _append_next, judge)


def _append_next(kit: Kit, root: Path) -> None:
    kit.open(root / LOG, 1.0).append(record(f"next {new_id()}"))


def _look_at_lines(kit: Kit, root: Path, acked: set[str]) -> list[str]:
    return line_problems(kit, root / LOG, acked)


def _judge_lines(kit: Kit, root: Path, acked: set[str], tree: Tree) -> list[str]:
    path = root / LOG
    found = line_problems(kit, path, acked)
    old = tree[LOG][3] if LOG in tree else b""
    now = path.read_bytes()
    start = old.rfind(b"\n") + 1
    fragment, healed = old[start:], now[start : len(old)]
    if not now.startswith(old[:start]) or len(now) < len(old):
        found.append("history was changed")
    if healed != (fragment if _is_record(fragment) else b" " * len(fragment)):
        found.append(f"a torn tail became {healed[:60]!r}")
    if not now.endswith(b"\n"):
        found.append("a torn tail is left")
    rest = fragment.lstrip(b" ")  # of a half-blanked one, which was kept whole before
    if rest and not _is_record(fragment) and not any(one.endswith(rest) for one in _notes(path)):
        found.append("a torn tail was not kept")
    return found


def line_problems(kit: Kit, path: Path, acked: set[str], *, lossy: bool = False) -> list[str]:
    """What is wrong with a file of records; `lossy`: after a power loss, a line that is no record may be left."""
    counts: Counter[str] = Counter()
    found = []
    for line in kit.read(path):
        value = parse_object(line.data)
        if value is None or "id" not in value:
            found += [] if lossy else [f"no record at byte {line.offset}: {line.data[:60]!r}"]
        elif "sum" in value and checksum(value["pad"]) != value["sum"]:
            found.append(f"a mixed record at byte {line.offset}")
        else:
            counts[value["id"]] += 1
    found += [f"lost: {name}" for name in sorted(acked - counts.keys())]
    return found + [f"{count} times: {name}" for name, count in counts.items() if count > 1]


def _notes(path: Path) -> list[bytes]:
    quarantine = path.with_name(f"{path.name}.quarantine")
    lines = quarantine.read_bytes().split(b"\n")[:-1] if quarantine.exists() else []
    return [base64.b64decode(json.loads(line)["bytes_b64"]) for line in lines]


# -- streams ----------------------------------------------------------------------------------------------------------

FAILURES = "failures.jsonl"


def _line(one: Failure) -> bytes:
    return encode_line(one.model_dump(mode="json", exclude_none=True))


def superseding() -> Scenario:
    """New versions of a record."""

    def prepare(root: Path) -> set[str]:
        (root / FAILURES).write_bytes(_line(failure("1", "first")))
        return {"first"}

    def run(kit: Kit, root: Path, acknowledge: Acknowledge) -> None:
        stream = kit.open_stream(root)
        for text in ("second", "third"):
            stream.put("1", lambda old, text=text: _changed(old, text))
            acknowledge(text)

    def recover(kit: Kit, root: Path) -> None:
        kit.open_stream(root).supersede("1", lambda old: _changed(old, f"next {new_id()}"))

    def look(kit: Kit, root: Path, acked: set[str]) -> list[str]:
        texts = [(parse_object(line.data) or {}).get("context") for line in kit.read(root / FAILURES)]
        return [f"lost: {text}" for text in sorted(acked - set(texts))]

    def judge(kit: Kit, root: Path, acked: set[str], tree: Tree) -> list[str]:
        found = look(kit, root, acked)
        revisions = [(parse_object(line.data) or {}).get("rev") for line in kit.read(root / FAILURES)]
        if revisions != list(range(1, len(revisions) + 1)):
            found.append(f"revisions {revisions}")
        records = kit.open_stream(root).read().records
        if [one.id for one in records] != ["1"] or not records[0].context.startswith("next"):
            found.append(f"the newest is {records}")
        return found

    return Scenario("put and supersede", prepare, run, look, recover, judge)


def _changed(old: Failure | None, text: str) -> Failure:
    assert old is not None
    return old.model_copy(update={"context": text, "feedback": checksum(text)})


LINE_SCENARIOS = (
    appending("short"),
    appending("é\u2028😀" * 400),
    appending("x", first=True),
    *(healing(what) for what in FRAGMENTS),
    *(healing(what, first=True) for what in FRAGMENTS if what != "9 kB"),
    healing("half a record", torn_note=True),
)
STREAM_SCENARIOS = (superseding(),)
