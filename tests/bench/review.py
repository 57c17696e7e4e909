"""How long is a review of many records, with a valid cache and while building one?

    python tests/bench/review.py [--records 100000 1000000]

Every figure is of a whole new process. The reference is a process that only parses the same lines as JSON.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestrator_mcp.storage.ids import id_of, new_id

VERBS = ("open", "read", "write", "parse", "load", "save", "fetch", "render", "build", "lock", "merge", "sort", "copy")
NOUNS = ("user", "invoice", "order", "page", "cache", "queue", "worker", "config", "schema", "report", "image", "index")
KINDS = 400
PARSE = """
import json, sys
from pathlib import Path
n = 0
for path in Path(sys.argv[1]).rglob("*.jsonl"):
    with path.open("rb") as file:
        for line in file:
            n += len(json.loads(line))
"""


def kinds() -> list[str]:
    """The kinds of error that this project's agents meet, whatever the session."""
    chance = random.Random(1)
    return [
        f"{chance.choice(['ValueError', 'KeyError', 'TimeoutError', 'AssertionError'])}: cannot {chance.choice(VERBS)} "
        f"{chance.choice(NOUNS)} {chance.choice(NOUNS)} {{0}} in /home/u{{1}}/src/{chance.choice(NOUNS)}.py line {{2}}"
        for _ in range(KINDS)
    ]


def texts(count: int, seed: int) -> list[str]:
    """Error texts as agents log them: few kinds often, many kinds rarely, and what varies varies."""
    chance, known = random.Random(seed), kinds()
    return [
        known[min(int(chance.paretovariate(0.8)) - 1, KINDS - 1)].format(
            chance.randrange(10_000), chance.randrange(9), chance.randrange(900)
        )
        for _ in range(count)
    ]


def make_store(root: Path, records: int, sessions: int) -> None:
    """Write a store as many sessions would have left it."""
    store = root / ".orchestrator"
    store.mkdir(mode=0o700)
    (store / "meta.json").write_text(
        json.dumps({"tool": "orchestrator-mcp", "format": 1, "repo_id": new_id(), "created_at": "2026-11-01T00:00:00Z"})
    )
    each = records // sessions
    for number in range(sessions):
        session = id_of(f"session {number}")
        folder = store / "sessions" / session
        folder.mkdir(parents=True, mode=0o700)
        (folder / "meta.json").write_text(json.dumps({"session_id": session, "created_at": "2026-11-01T00:00:00Z"}))
        with (folder / "failures.jsonl").open("w", encoding="utf-8") as file:
            for index, text in enumerate(texts(each, number)):
                file.write(_line(session, number, index, text))


def _line(session: str, number: int, index: int, text: str) -> str:
    stamp = f"2026-{1 + number % 11:02}-{1 + index % 28:02}T{index % 24:02}:{number % 60:02}:{index % 60:02}.{index % 1000:03}000Z"
    record = {
        "id": id_of(f"{number} {index}"),
        "rev": 1,
        "timestamp": stamp,
        "session_id": session,
        "type": "mistake",
        "context": text,
        "feedback": f"Before you {text.split()[2]} a {text.split()[3]}, check that its {text.split()[4]} is there.",
        "category": ("Testing", "API", "Performance")[index % 3],
        "severity": ("low", "medium", "high")[index % 3],
    }
    return json.dumps(record, separators=(",", ":")) + "\n"


def run(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds and megabytes of one process."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ORCHESTRATOR", "CLAUDE"))}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--per-session", type=int, default=100)
    chosen = parser.parse_args()
    review = [sys.executable, "-m", "orchestrator_mcp.cli", "review", "--all", "--json"]
    print(f"{'records':>9}  {'what':<28}{'s':>8}{'MB':>8}{'× parsing':>11}   target")
    for records in chosen.records:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            make_store(root, records, records // chosen.per_session)
            parsing, memory = run([sys.executable, "-c", PARSE, name], root)
            rows = [("reference: parse as JSON", parsing, memory, "")]
            rows.append(("build the cache, and review", *run(review, root), "1e6: 120 s"))
            warm = min((run(review, root) for _ in range(3)), key=lambda row: row[0])
            rows.append(("review, cache valid", *warm, "1e6: 5 s (aim 0.5), 300 MB"))
            for what, seconds, megabytes, target in rows:
                print(f"{records:>9}  {what:<28}{seconds:>8.2f}{megabytes:>8.0f}{seconds / parsing:>11.2f}   {target}")


if __name__ == "__main__":
    main()
