"""Which entries say the same, and what adding one may change."""

import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations, product
from types import FrameType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_mcp.analysis import grouping_linkage, similarity
from orchestrator_mcp.analysis.canonical import canonical
from orchestrator_mcp.analysis.grouping import Entry, Tables, assign, group, place, root
from orchestrator_mcp.analysis.grouping_tiers import PROSE, prose_vectors
from orchestrator_mcp.analysis.retrieval import candidates

if TYPE_CHECKING:
    from _typeshed import TraceFunction

RNG = random.Random(3)
NAMES = ("bob", "amy", "li", "zoë", "max", "ute", "jan", "kim")


def digits(count: int) -> str:
    return "".join(RNG.choice("0123456789") for _ in range(count))


def stamp() -> str:
    return f"2026-{RNG.randrange(1, 13):02}-{RNG.randrange(1, 29):02}T{RNG.randrange(24):02}_52_04_{digits(3)}Z"


# The failing inputs of the first implementation, each as a maker of variants that say the same.
VARIANTS: dict[str, Callable[[], str]] = {
    "pytest prefix": lambda: (
        RNG.choice(["", "E   ", f"FAILED tests/test_{digits(2)}.py::test_x - "])
        + "ModuleNotFoundError: No module named 'pytest_asyncio'"
    ),
    "duration": lambda: f"requests.exceptions.ConnectionError: timed out after {RNG.randrange(1, 999)}s",
    "windows home": lambda: f"FileNotFoundError: C:\\Users\\{RNG.choice(NAMES)}\\app{digits(2)}\\config.yaml",
    "line number": lambda: f"TypeError: line {RNG.randrange(1, 9999)}",
    "timestamp": lambda: f"ValueError: bad at {stamp()}",
    "npm": lambda: f"npm {RNG.choice(['ERR!', 'error'])} code ENOENT",
    "address": lambda: f"<Worker object at 0x7f{digits(6)}a> was never joined",
    "request": lambda: f"worker {digits(4)} lost job {digits(8)}-ab after {digits(2)}.{digits(1)} ms",
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_twenty_variants_are_one_group(variant: Callable[[], str]) -> None:
    assert len(set(assign([variant() for _ in range(20)]))) == 1


# Each a maker of reports of one mistake, in other words every time.
REWORDED: dict[str, Callable[[], tuple[str, str]]] = {
    "migration": lambda: (
        RNG.choice(
            [
                "forgot to run alembic upgrade before the tests",
                "tests failed: alembic upgrade was not run first",
                f"missing table t_{digits(2)} because alembic upgrade had not been run",
                f"relation does not exist in tests/test_{digits(2)}.py, alembic upgrade never ran",
            ]
        ),
        f"{RNG.choice(['', 'always ', 'first '])}run alembic upgrade {RNG.choice(['', 'head '])}before running tests",
    ),
    "file names": lambda: (
        RNG.choice(
            [
                f"Wrong test filename: {RNG.choice(NAMES)}_test.py",
                f"Another naming violation: tests/unit/test_{RNG.choice(NAMES)}.py",
                "Third naming violation in tests",
            ]
        ),
        RNG.choice(["Use TC-UT-XXX_name.py pattern", "Files should be TC-UT-XXX", "name test files TC-UT-XXX"]),
    ),
    "virtual environment": lambda: (
        RNG.choice(
            [
                "forgot to activate the venv",
                "commands were run without activating the venv",
                "the venv was not active when pip ran",
            ]
        ),
        RNG.choice(["activate the venv first", "always activate the venv before pip", "source the venv's activate"]),
    ),
}


@pytest.mark.parametrize("variant", REWORDED.values(), ids=REWORDED.keys())
def test_twenty_reworded_reports_are_one_group_among_others(variant: Callable[[], tuple[str, str]]) -> None:
    ids = assign([report(*pair) for pair in [*UNRELATED, *(variant() for _ in range(20))]])
    assert len(set(ids[len(UNRELATED) :])) == 1
    assert len(set(ids)) == len(UNRELATED) + 1


def test_twenty_wordings_of_what_only_shares_a_word_make_no_pattern() -> None:
    for _ in range(20):
        pairs = [
            (
                f"Batch size default {RNG.choice(['undocumented', 'not documented', 'missing from the docs'])}",
                f"document the default of the {RNG.choice(['batch size option', 'option', 'batch size'])}",
            ),
            (
                f"{RNG.choice(['Nightly', 'Hourly', 'Weekly'])} batch job name {RNG.choice(['unclear', 'misleading'])}",
                f"rename the {RNG.choice(['job', 'batch job', 'nightly job'])}",
            ),
            (
                f"Which batch of {RNG.choice(['tickets', 'records', 'users'])}?",
                f"say which {RNG.choice(['tickets', 'ones', 'batch'])} are meant",
            ),
        ]
        assert max(Counter(assign([report(*pair) for pair in pairs])).values()) < 3


def test_twenty_pairs_of_different_long_values_stay_apart() -> None:
    for _ in range(20):
        one, other = ("".join(RNG.sample("abcdefghijklmnopqrstuvwxyz", 20)) for _ in range(2))
        assert len(set(assign([f'ValueError: could not find "{one}"', f'ValueError: could not find "{other}"']))) == 2


@pytest.mark.parametrize("correction", ["fix it", "be careful", "retry"])
def test_a_correction_that_says_little_joins_nothing(correction: str) -> None:
    assert max(Counter(assign([report(context, correction) for context, _ in UNRELATED[3:]])).values()) < 3


def test_the_same_correction_joins_what_is_worded_differently() -> None:
    contexts = ["the dev server did not start", "bind: address already in use", "port 3000 is taken"]
    same = [report(context, "stop the old server before starting a new one") for context in contexts]
    ids = assign([*(report(*pair) for pair in UNRELATED), *same])
    assert len(set(ids[-3:])) == 1
    assert len(set(ids)) == len(UNRELATED) + 1


def test_variants_of_different_failures_stay_apart() -> None:
    texts = [(name, variant()) for name, variant in VARIANTS.items() for _ in range(20)]
    RNG.shuffle(texts)
    ids = dict(zip((name for name, _ in texts), assign([text for _, text in texts]), strict=True))
    assert len(set(ids.values())) == len(VARIANTS)


@pytest.mark.parametrize(
    "reports",
    [
        [
            ("forgot to run alembic upgrade before the tests", "run alembic upgrade before running tests"),
            ("tests failed: alembic upgrade was not run first", "always run alembic upgrade before tests"),
            ("missing table because alembic upgrade had not been run", "run alembic upgrade head before the tests"),
        ],
        [
            ("Wrong test filename: auth_test.py", "Use TC-UT-XXX_name.py pattern"),
            ("Another naming violation: tests/unit/test_login.py", "Files should be TC-UT-XXX"),
            ("Third naming violation in tests", "name test files TC-UT-XXX"),
        ],
    ],
)
def test_reworded_reports_are_one_group_among_others(reports: list[tuple[str, str]]) -> None:
    ids = assign([report(*pair) for pair in [*UNRELATED, *reports]])
    assert len(set(ids[-len(reports) :])) == 1
    assert len(set(ids)) == len(UNRELATED) + 1


def report(context: str, feedback: str) -> Entry:
    return Entry(context=context, feedback=feedback)


UNRELATED = [
    ("Batch size default undocumented", "document the default of the batch size option"),
    ("Nightly batch job name unclear", "rename the nightly job so that it says what it does"),
    ("Which batch of tickets?", "say which tickets are meant in the task"),
    ("docker image has no health check", "declare HEALTHCHECK"),
    ("currency rounded with floats in the invoice", "use Decimal for money"),
    ("button without a label", "add an aria-label"),
    ("dict order assumed to be sorted", "sort explicitly"),
]


def test_words_in_common_make_no_group() -> None:
    assert max(Counter(assign([report(*pair) for pair in UNRELATED])).values()) == 1


@pytest.mark.parametrize("text", ["", "Exit code 1", "error:", "\n\n"])
def test_what_says_nothing_joins_nothing(text: str) -> None:
    assert len(set(assign([text] * 5))) == 5


def test_a_gap_with_many_fillings_is_a_variable() -> None:
    texts = [f"session opened on terminal for account {name}" for name in NAMES]
    (whole,) = group(texts)
    assert whole.template == "session opened on terminal for account <*>"
    assert whole.joined_by[0] == "new"
    assert set(whole.joined_by[1:]) == {"frame"}


def test_codes_and_statuses_never_fill_a_gap() -> None:
    texts = [
        f"{code} reported for the whole of this source tree"
        for code in ("E501", "E722", "F401", "W605", "B008", "D100")
    ]
    assert len(set(assign(texts))) == len(texts)


def test_a_group_says_how_it_came_about() -> None:
    (whole,) = group(["row 3 of the table has no key", "row 4 of the table has no key"])
    assert whole.members == (0, 1)
    assert whole.joined_by == ("new", "exact")
    assert whole.cohesion == 1.0
    assert whole.template == "<at> of the table has no key"


def test_a_merge_is_reported_and_the_older_id_survives() -> None:
    memory = Tables()
    placed = [place(canonical(f"cannot import module {name} from package core"), memory) for name in NAMES]
    assert [p.group_id for p in placed[:4]] == list(dict.fromkeys(p.group_id for p in placed[:4]))
    merging = next(p for p in placed if p.merged)
    assert merging.joined_by == "frame"
    assert {root(p.group_id, memory) for p in placed} == {placed[0].group_id}
    assert set(merging.merged) < {p.group_id for p in placed}


def test_outputs_that_differ_in_numbers_and_paths_are_one_group() -> None:
    outputs = [
        f"> make all\ncc -c /build/{n}/main.c\nmain.c:{n}:3: undefined symbol\nmake: stopped after {n} s"
        for n in range(9)
    ]
    assert len(set(assign(outputs))) == 1


def test_the_bare_text_is_ignored_beside_a_context() -> None:
    entries = [Entry(text=str(n), context="forgot to close the file", feedback="use a with block") for n in range(3)]
    assert len(set(assign(entries))) == 1


def test_the_nearest_kinds_are_offered() -> None:
    known = {str(n): [report(*pair)] for n, pair in enumerate(UNRELATED)}
    offers = candidates(report("price rounded wrongly with a float", "use Decimal for every amount of money"), known)
    assert offers[0].group_id == "4"
    assert len(offers) <= 5
    assert candidates(report("xyzzy", "plugh"), known) == []


def test_an_embedder_joins_what_shares_no_words() -> None:
    pytest.importorskip("numpy", reason="the semantic extra is not installed")
    entries = [
        report("pipeline went red", "mend it"),
        report("CI failure", "repair"),
        *(report(*pair) for pair in UNRELATED),
    ]

    def embedder(texts: Sequence[str]) -> list[list[float]]:
        axes = [0, 0, *range(1, len(texts) - 1)]
        return [[float(axis == n) for n in range(len(texts))] for axis in axes]

    assert len(set(assign(entries))) == len(entries)
    first, second, *others = assign(entries, embedder=embedder)
    assert first == second
    assert len(set(others)) == len(others)


@pytest.mark.parametrize("context", ["", "Exit code 1"])
def test_a_correction_counts_where_the_context_says_nothing(context: str) -> None:
    entries = [report(context, "run alembic upgrade before the tests") for _ in range(3)]
    assert len(set(assign([*entries, *(report(*pair) for pair in UNRELATED)])[:3])) == 1


TEXTS = st.lists(
    st.one_of(
        st.sampled_from([f"worker {n} lost connection to host db{n}.example.org" for n in range(3)]),
        st.builds(
            "cannot open {} for writing".format, st.sampled_from(["a", "b", "/x/y", "'q'", "core.db", "my_file"])
        ),
        st.builds(
            "module {} has no attribute {}".format, st.sampled_from("abcdef"), st.sampled_from(["x_y", "z.w", "Q"])
        ),
        st.text(max_size=40),
    ),
    max_size=30,
)


def streamed(texts: Sequence[str]) -> list[str]:
    memory = Tables()
    ids = [place(canonical(text), memory).group_id for text in texts]
    return [root(group_id, memory) for group_id in ids]


def partition(ids: Sequence[str]) -> set[frozenset[int]]:
    members = defaultdict(set)
    for number, group_id in enumerate(ids):
        members[group_id].add(number)
    return {frozenset(numbers) for numbers in members.values()}


@given(TEXTS, TEXTS)
def test_added_texts_never_split_a_machine_group(texts: list[str], added: list[str]) -> None:
    before, after = streamed(texts), streamed([*texts, *added])
    assert all(after[i] == after[j] for i in range(len(texts)) for j in range(i) if before[i] == before[j])


@given(TEXTS, st.randoms(use_true_random=False))
def test_machine_groups_do_not_depend_on_the_order(texts: list[str], rng: random.Random) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    ids = dict(zip(order, streamed([texts[n] for n in order]), strict=True))
    assert partition(streamed(texts)) == partition([ids[n] for n in range(len(texts))])


@settings(max_examples=50)
@given(
    st.lists(st.builds(Entry, text=st.text(max_size=60), context=st.text(max_size=30), feedback=st.text(max_size=30)))
)
def test_any_entries_can_be_grouped_and_always_alike(entries: list[Entry]) -> None:
    groups = group(entries)
    assert groups == group(entries)
    assert sorted(member for found in groups for member in found.members) == list(range(len(entries)))


@given(
    st.integers(0, 10**6),
    st.sampled_from(NAMES),
    st.uuids(),
    st.sampled_from(["{}", "E   {}", "FAILED a/b.py::c - {}"]),
)
def test_repeats_that_differ_in_paths_numbers_and_ids_are_exact(
    number: int, name: str, unique: object, wrapper: str
) -> None:
    def text(path: str, count: int, job: object) -> str:
        return wrapper.format(f"OSError: cannot move {path} after {count} tries in job {job}")

    one = canonical(text("/home/root/x.db", 1, "550e8400-e29b-41d4-a716-446655440000"))
    assert canonical(text(f"/home/{name}/{number}/x.db", number, unique)).key == one.key


VERBS = ("open", "read", "write", "parse", "load", "save", "fetch", "render", "build", "lock")
NOUNS = ("user", "invoice", "order", "page", "cache", "queue", "worker", "config", "schema", "report", "image", "index")
CORRECTION = "Check the argument before the call."


def alike(count: int) -> list[Entry]:
    """Reports of different wordings that share most of their words."""
    wordings = list(product(VERBS, NOUNS, NOUNS, ("alpha", "beta")))
    return [
        report("ValueError: cannot {} {} {} 17 in {}".format(*words), CORRECTION)
        for words in random.Random(5).sample(wordings, count)
    ]


def steps(entries: Sequence[Entry]) -> int:
    """How many likenesses are kept, and how many lines of the linkage are run, each turn of a loop counted."""
    edges = similarity.edges_of(prose_vectors(entries))
    nodes = grouping_linkage.nodes_of(edges, PROSE)
    count, before = sum(map(len, edges)), sys.gettrace()

    def line(_frame: FrameType, event: str, _argument: object, /) -> "TraceFunction":
        nonlocal count
        count += event == "line"
        return line

    sys.settrace(line)
    try:
        grouping_linkage.average_linkage(edges, nodes, range(len(edges)), PROSE)
    finally:
        sys.settrace(before)
    return count


def test_the_cost_of_reports_that_are_all_alike_grows_with_their_number() -> None:
    assert steps(alike(1700)) < 3 * steps(alike(850))


@pytest.mark.parametrize("count", [300, 1200])
def test_reports_that_are_all_alike_are_one_group_however_many(count: int) -> None:
    entries = [*alike(count), report("button without a label", "add an aria-label")]
    ids = assign(entries)
    assert len(set(ids[:-1])) == 1
    assert ids[-1] != ids[0]


def test_what_is_alike_is_one_group_in_any_order() -> None:
    entries = [*alike(900), *(report(*pair) for pair in UNRELATED)]
    order = list(range(len(entries)))
    random.Random(7).shuffle(order)
    ids = dict(zip(order, assign([entries[n] for n in order]), strict=True))
    assert partition(assign(entries)) == partition([ids[n] for n in range(len(entries))])


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_linkage_is_what_joining_the_best_pair_again_and_again_gives(seed: int, count: int) -> None:
    rng = random.Random(seed)
    edges: similarity.Edges = [{} for _ in range(count)]
    for one, other in combinations(range(count), 2):
        if rng.random() < 0.8:
            edges[one][other] = edges[other][one] = rng.random()
    rule = grouping_linkage.Rule(threshold=0.1, hub=0.2, nearest=2)
    nodes = grouping_linkage.nodes_of(edges, rule)
    starts = [rng.randrange(count) for _ in range(count)]

    def score(pair: tuple[int, int]) -> float:
        likeness = [edges[one].get(other, 0.0) for one, other in product(*(clusters[name] for name in pair))]
        hubness = [sum(nodes[n].hubness for n in clusters[name]) / len(clusters[name]) for name in pair]
        return sum(likeness) / len(likeness) - rule.hub * sum(hubness) - rule.threshold

    clusters: dict[int, list[int]] = defaultdict(list)
    for number, start in enumerate(starts):
        clusters[start].append(number)
    while len(clusters) > 1 and score(best := max(combinations(sorted(clusters), 2), key=score)) >= 0:
        clusters[best[0]] += clusters.pop(best[1])
    expected = {number: name for name, numbers in clusters.items() for number in numbers}
    assert grouping_linkage.average_linkage(edges, nodes, starts, rule) == [expected[n] for n in range(count)]


def test_vectors_leave_no_product_different() -> None:
    words = [Counter(text.split()) for text in ("a b b c", "a b b d", "a c e e", "f", "")]
    rarity = {
        word: math.sqrt(math.log(6 / (1 + sum(word in bag for bag in words))) + 1) for bag in words for word in bag
    }
    whole = [{word: (1 + math.log(n)) * rarity[word] for word, n in bag.items()} for bag in words]
    short = similarity.unit_vectors(words)
    for one, other in combinations(range(len(words)), 2):
        lengths = math.prod(math.hypot(*whole[n].values()) for n in (one, other))
        expected = similarity.product(whole[one], whole[other]) / (lengths or 1)
        assert similarity.product(short[one], short[other]) == pytest.approx(expected)
