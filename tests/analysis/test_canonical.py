"""What is masked, what stays, and how little work any text can cause."""

import importlib
import re
import time
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_mcp.analysis import canonical as canonical_module
from orchestrator_mcp.analysis import grouping_headline, grouping_masks, similarity
from orchestrator_mcp.analysis.canonical import canonical

YAML = "ModuleNotFoundError: No module named 'yaml'"
STACK = (
    'Traceback (most recent call last):\n  File "/home/x/a.py", line 3, in <module>\n    import b\n'
    '  File "/home/x/b.py", line 1, in <module>\n    import yaml\n'
)
SAME = {
    "an exception, however it is wrapped": [
        YAML,
        f"E   {YAML}",
        f"{STACK}{YAML}",
        f"tests failed at /home/x/t_7.py: {YAML}",
        f"Exit code 1\n{STACK}{YAML}",
        f"FAILED tests/test_a.py::test_b - {YAML}",
        f"\x1b[31mE   {YAML}\x1b[0m",
    ],
    "a qualified exception": ["requests.exceptions.Timeout: read timed out", "Timeout: read timed out"],
    "durations": [f"ConnectionError: timed out after {n}s" for n in range(20)],
    "windows homes": [f"FileNotFoundError: C:\\Users\\{name}\\app\\x.txt" for name in ("bob", "amy", "zoë")],
    "posix homes": [f"cannot open /home/{name}/app/x.txt" for name in ("bob", "amy", "zoë")],
    "line numbers": [f"TypeError: line {n}" for n in (12, 99, 1000)],
    "timestamps": [f"ValueError: bad at 2026-01-{n:02}T21_52_04_{n:03}Z" for n in range(1, 21)],
    "npm's two voices": ["npm ERR! code ENOENT", "npm error code ENOENT"],
    "ids": [
        "job 550e8400-e29b-41d4-a716-446655440000 died",
        "job 6ba7b810-9dad-11d1-80b4-00c04fd430c8 died",
    ],
    "addresses": ["object at 0x7f3a2c1d is closed", "object at 0x55d0aa31ff00 is closed"],
    "hosts": ["cannot reach db1.example.org:5432", "cannot reach 10.0.0.7:5433", "cannot reach localhost:80"],
    "versions": ["needs version 1.2.3 of it", "needs version 2.0.0-rc1 of it"],
    "sizes": ["sent 1848 bytes (1.80 KB) to it", "sent 12 bytes to it"],
    "quoted values": ["unexpected keyword argument 'colour'", 'unexpected keyword argument "size"'],
    "what is counted in parentheses": [
        f"the config could not be loaded{remark}"
        for remark in (
            "",
            " (line 3)",
            " (2)",
            " (attempt 4 of 5)",
            " (took 3.2s)",
            " (src/a.py:3)",
            " (tried 3 times).",
        )
    ],
    "shells without a command": [
        "bash: jq: command not found",
        "bash: line 3: rg: command not found",
        "./run.sh: line 12: pnpm: command not found",
        "zsh: command not found: poetry",
        "/bin/sh: 1: uv: not found",
        "sh: tsc: not found",
        "fish: Unknown command: deno",
    ],
    "an exception after what a program printed": [
        "KeyError: 'name'",
        f"loading\none\ntwo\nthree\n{STACK}KeyError: 'name'",
        "while reading the settings: KeyError: 'name'",
    ],
    "places": ["src/a.py:3:1: E501 line too long (90 > 79)", "lib/b.py:88:2: E501 line too long (101 > 79)"],
}
DIFFERENT = [
    ("HTTP 404 for the user page", "HTTP 500 for the user page"),
    ("request failed with status code 404", "request failed with status code 500"),
    ("E501 found in this file", "E722 found in this file"),
    ("error TS2345: wrong type of argument", "error TS2322: wrong type of argument"),
    (
        'ValueError: could not find "abcdefghijklmnopqrstuvwxyz"',
        'ValueError: could not find "zyxwvutsrqponmlkjihgfedcba"',
    ),
    ("KeyError: 'name'", "KeyError: 'user'"),
    ("assert 3 == 4", "assert 7 == 9"),
    ("AssertionError: expected 3, got 4", "AssertionError: expected 1, got 2"),
    ("connection lost (refused after 3 tries)", "connection lost (timed out after 3 tries)"),
    ("unnecessary `else` after `return` here", "unnecessary `else` after `raise` here"),
    ("/bin/sh: 1: jq: not found", "config.yaml: not found"),
    ("expected ',' but found the end", "expected ':' but found the end"),
    ("ValueError: bad input given", "TypeError: bad input given"),
]


@pytest.mark.parametrize("texts", SAME.values(), ids=SAME.keys())
def test_what_varies_is_masked(texts: list[str]) -> None:
    assert len({canonical(text).key for text in texts}) == 1


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_carries_meaning_stays(one: str, other: str) -> None:
    assert canonical(one).key != canonical(other).key


@pytest.mark.parametrize("text", ["", "  \n ", "Exit code 1", "exited with code 137", "Error:", "npm ERR!", "-----"])
def test_a_wrapper_alone_says_nothing(text: str) -> None:
    assert canonical(text).key == ""


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        (f"{STACK}{YAML}", YAML),
        ("Exit code 1\nnpm ERR! code ENOENT\nnpm ERR! path /x", "npm ERR! code ENOENT"),
        ("building …\nstep 1 of 2\nerror: no such table: users\ndone", "error: no such table: users"),
        ("[error] 1 of 17 tasks failed", "1 of 17 tasks failed"),
        ("src/a.rs:3:1: mismatched types", "mismatched types"),
    ],
)
def test_the_headline_is_the_line_that_says_it(text: str, headline: str) -> None:
    assert canonical(text).headline == headline


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (YAML, "machine"),
        (f"{STACK}{YAML}", "machine"),
        ("one\ntwo\nthree", "lines"),
        ("I forgot to run the migrations before the tests", "prose"),
        ("E722 do not use bare except", "machine"),
        ("a.py:3:1: do not do this to me", "machine"),
    ],
)
def test_each_text_is_routed_by_what_it_is(text: str, kind: str) -> None:
    assert canonical(text).kind == kind


def test_the_template_is_readable() -> None:
    text = "FileNotFoundError: [Errno 2] No such file: '/srv/x.txt' in /home/me (tried 3 times)"
    assert canonical(text).template == "FileNotFoundError: [Errno <num>] No such file: <str> in <path>"


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_has_one_canonical_form(text: str) -> None:
    assert canonical(text) == canonical(text)


def patterns() -> list[Any]:
    modules: list[ModuleType] = [canonical_module, grouping_headline, grouping_masks, similarity]
    return [
        pytest.param(value, id=f"{module.__name__.rsplit('.', 1)[1]}.{name}")
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    ]


@pytest.mark.parametrize("pattern", patterns())
def test_every_quantifier_is_bounded(pattern: re.Pattern[str]) -> None:
    parser = importlib.import_module("re._parser")
    tree = parser.parse(pattern.pattern, pattern.flags)
    assert unbounded(tree, parser.MAXREPEAT) == []


def unbounded(tree: Any, endless: int) -> list[Any]:
    found = []
    for operation, argument in tree:
        if str(operation).endswith("_REPEAT") and argument[1] == endless:
            found.append(argument)
        found += [bad for part in subtrees(argument) for bad in unbounded(part, endless)]
    return found


def subtrees(argument: Any) -> list[Any]:
    if hasattr(argument, "data"):
        return [argument]
    if isinstance(argument, tuple | list):
        return [tree for part in argument for tree in subtrees(part)]
    return []


UNITS = (
    "a.",
    "1-",
    "a/",
    "\\a",
    "<a",
    "[a",
    "'",
    '"',
    "\\'",
    "1:",
    "0a",
    "@a.",
    "a_",
    "f",
    "\x1b[",
    "ab ",
    "1 ",
    "é",
    "E   x ",
    "error ",
    "failed ",
)


@pytest.mark.parametrize("pattern", patterns())
def test_twice_the_worst_text_costs_about_twice_as_much(pattern: re.Pattern[str]) -> None:
    for unit in UNITS:
        short, long = (cost(pattern, (unit * length)[:length]) for length in (2_000, 8_000))
        assert long < 16 * short + 0.02, unit


def cost(pattern: re.Pattern[str], text: str) -> float:
    """Processor seconds of this thread: other programs do not count, and growth is what is compared."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        pattern.sub("", text)
        times.append(time.thread_time() - start)
    return min(times)


@pytest.mark.parametrize("unit", [*UNITS, "x\n", "E   x\n", 'File "a", line 1\n'])
def test_a_huge_text_costs_no_more_than_a_long_one(unit: str) -> None:
    long, huge = (unit * 8_000)[:8_000], (unit * 1_000_000)[:1_000_000]
    assert elapsed(huge) < 20 * elapsed(long) + 0.05


def elapsed(text: str) -> float:
    start = time.thread_time()
    canonical(text)
    return time.thread_time() - start
