"""What does it cost to place one more text, and to group a whole store?"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context
from operator import add
from pathlib import Path

from grouping_data import SEED, Sets, verdict

from orchestrator_mcp.analysis.canonical import canonical
from orchestrator_mcp.analysis.grouping import Entry, Memory, Tables, assign, place

EARLIER = (1_000, 10_000, 100_000)
NEXT = 1_000  # texts whose operations are counted
GROWTH = 1.1  # more than that is growing
STREAMED, MANY_STREAMED = 100_000, 1_000_000
MEGABYTES = 500
MACHINE, PROSE = ("loghub2k", "pyraise", "lintdiag"), ("banking77", "clinc150")
VERBS = ("open", "read", "write", "parse", "load", "save", "fetch", "render", "build", "lock", "merge", "sort", "copy")
NOUNS = ("user", "invoice", "order", "page", "cache", "queue", "worker", "config", "schema", "report", "image", "index")
HOSTILE = (
    *("a.", "1-", "a/", "\\a", "<a", "[a", "(", "'", '"', "`", "1:", "0a", "@a.", "_"),
    *("\x1b[", "E   x\n", 'File "a", line 1\n'),
)


def print_costs(sets: Sets, *, large: bool) -> None:
    """Operations, time and memory."""
    machine = [row["text"] for name in MACHINE for row in sets.get(name, [])]
    prose = [row["text"] for name in PROSE for row in sets.get(name, [])]
    if machine:
        _print_operations(machine)
    print("\n## Time and memory\n")
    if machine:
        _print_streamed(machine, large=large)
    if prose:
        store = list(islice(_reworded(prose), 10_000))
        _print_timed("10,000 different prose texts, grouped (at most 10 s)", lambda: assign(store))
    for count, limit in ((1500, 1.5), (10_000, 10)):
        _print_timed(
            f"{count:,} reports that are all alike, grouped (at most {limit} s)", partial(assign, _alike(count))
        )
    slowest = max((_hostile(unit), unit) for unit in HOSTILE)
    word = verdict(slowest[0] * 1000, (20, 5), lower_is_better=True)
    print(f"hostile 8 kB texts: slowest {slowest[0] * 1000:.1f} ms, {slowest[1]!r} repeated: {word} (must 20, aim 5)")


@dataclass(slots=True)
class _Counted:
    """A `Memory` that counts what is asked of it."""

    tables: Tables = field(default_factory=Tables)
    gets: int = 0
    puts: int = 0

    def get(self, table: str, key: str) -> str | None:
        self.gets += 1
        return self.tables.get(table, key)

    def put(self, table: str, key: str, value: str) -> None:
        self.puts += 1
        self.tables.put(table, key, value)


def _print_operations(texts: Sequence[str]) -> None:
    print("\n## Cost of placing one more text, in operations on the memory\n")
    print(f"{'stream':<22}{'earlier':>8}{'gets':>7}{'puts':>6}{'growth':>8}        {'most':>6}{'growth':>8}")
    for name, make in STREAMS.items():
        stream = make(texts)
        memory, placed = _Counted(), 0
        first: tuple[float, float] | None = None
        for earlier in EARLIER:
            _place_all(islice(stream, earlier - placed), memory)
            gets, puts = zip(*(_operations(text, memory) for text in islice(stream, NEXT)), strict=True)
            placed = earlier + NEXT
            mean, most = (sum(gets) + sum(puts)) / NEXT, max(map(add, gets, puts))
            first = first or (mean, most)
            of_mean, of_most = (
                f"{now / then:>8.2f} {verdict(now / then, (GROWTH, 1.0), lower_is_better=True):<7}"
                for now, then in zip((mean, most), first, strict=True)
            )
            print(
                f"{name:<20}{earlier:>10,}{sum(gets) / NEXT:>7.1f}{sum(puts) / NEXT:>6.1f}{of_mean}{most:>6}{of_most}"
            )


def _operations(text: str, memory: _Counted) -> tuple[int, int]:
    gets, puts = memory.gets, memory.puts
    place(canonical(text), memory)
    return memory.gets - gets, memory.puts - puts


def _place_all(texts: Iterable[str], memory: Memory) -> None:
    for text in texts:
        place(canonical(text), memory)


def _print_streamed(texts: Sequence[str], *, large: bool) -> None:
    stream = list(islice(_renumbered(texts), STREAMED))
    ours = _print_timed(f"{STREAMED:,} machine texts, streamed (at most 10 s)", lambda: _place_all(stream, Tables()))
    try:
        from drain3 import TemplateMiner
        from drain3.template_miner_config import TemplateMinerConfig
    except ImportError:
        print("the same by drain3: not installed")
    else:
        miner = TemplateMiner(config=TemplateMinerConfig())
        theirs = _print_timed("the same by drain3, without masks", lambda: [*map(miner.add_log_message, stream)])
        print(f"our time is {ours / theirs:.1f} times drain3's")
    runs = [(name, STREAMED) for name in STREAMS] + [("as they recur", MANY_STREAMED)] * large
    for name, count in runs:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:  # where nothing else has taken memory
            before, after = fresh.submit(_megabytes_of_streaming, name, texts, count).result()
        word = "must" if after <= MEGABYTES else "MISSED"
        print(f"peak RSS of {count:,} streamed, {name}: {after:.0f} MB, {before:.0f} before: {word} (must {MEGABYTES})")


def _print_timed(what: str, work: Callable[[], object]) -> float:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    took = time.process_time() - processor
    print(f"{what}: {time.perf_counter() - wall:.1f} s, {took:.1f} s of processor")
    return took


def _megabytes_of_streaming(stream: str, texts: Sequence[str], count: int) -> tuple[float, float]:
    before = _peak()
    _place_all(islice(STREAMS[stream](texts), count), Tables())
    return before, _peak()


def _peak() -> float:
    """Of this program alone: `getrusage` would count what its parent had before."""
    (line,) = [line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def _renumbered(texts: Sequence[str]) -> Iterator[str]:
    """Texts as they recur: other numbers in the same words."""
    rng = random.Random(SEED)
    while True:
        yield "".join(rng.choice("0123456789") if char.isdigit() else char for char in rng.choice(texts))


def _reworded(texts: Sequence[str]) -> Iterator[str]:
    """Texts that were never there before: three words exchanged for any others."""
    rng = random.Random(SEED)
    words = [word for text in texts for word in text.split() if word.isalpha()]
    while True:
        parts = rng.choice(texts).split()
        for _ in range(3):
            parts[rng.randrange(len(parts))] = rng.choice(words)
        yield " ".join(parts)


STREAMS = {"as they recur": _renumbered, "every text a new one": _reworded}


def _alike(count: int) -> list[Entry]:
    """Reports of different wordings that share most of their words."""
    rng = random.Random(SEED)
    found: set[str] = set()
    while len(found) < count:
        found.add(f"ValueError: cannot {rng.choice(VERBS)} {' '.join(rng.choices(NOUNS, k=3))} 17 in x")
    return [Entry(context=text, feedback="Check the argument before the call.") for text in sorted(found)]


def _hostile(unit: str) -> float:
    text = (unit * 8000)[:8000]
    return min(_elapsed(text) for _ in range(3))


def _elapsed(text: str) -> float:
    start = time.perf_counter()
    canonical(text)
    return time.perf_counter() - start
