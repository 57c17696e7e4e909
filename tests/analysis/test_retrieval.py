"""Candidates: the right one is among few, the work is bounded, and ids lead back to wordings."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_mcp.analysis import retrieval
from orchestrator_mcp.analysis.grouping import Entry
from orchestrator_mcp.analysis.identity import BITS, fingerprint, pattern_id, wording_of
from orchestrator_mcp.analysis.retrieval import Listed, candidates, features, nearest

VERBS = (
    "open",
    "read",
    "write",
    "parse",
    "load",
    "save",
    "fetch",
    "render",
    "build",
    "lock",
    "merge",
    "sort",
    "copy",
    "trim",
)
NOUNS = ("user", "invoice", "order", "page", "cache", "queue", "worker", "config", "schema", "report", "image", "index")


class Counted(Listed):
    """Postings that count what is asked of them."""

    looked_at = 0

    def latest(self, feature: str, limit: int) -> Sequence[tuple[int, int]]:
        found = super().latest(feature, limit)
        self.looked_at += 1 + len(found)
        return found


def report(number: int) -> Entry:
    verb, noun = VERBS[number % len(VERBS)], NOUNS[number // len(VERBS) % len(NOUNS)]
    return Entry(
        context=f"Could not {verb} the {noun} in step {number}", feedback=f"Check the {noun} before you {verb}"
    )


def test_the_right_kind_is_among_five_of_many() -> None:
    known = {str(number): [report(number)] for number in range(len(VERBS) * len(NOUNS))}
    for number in range(0, 168, 5):
        verb, noun = VERBS[number % len(VERBS)], NOUNS[number // len(VERBS) % len(NOUNS)]
        asked = Entry(context=f"{verb}ing of {noun}s failed", feedback=f"{verb} no {noun} unchecked")
        assert str(number) in [one.group_id for one in candidates(asked, known)]


def test_the_right_kind_of_real_reports_is_among_five(shared_data: Path, figure: Callable[[str], None]) -> None:
    earlier: dict[str, list[Entry]] = defaultdict(list)
    hits = []
    for line in (shared_data / "patterns" / "dev" / "agentfail.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        entry, kind = Entry(context=row["context"], feedback=row["feedback"]), row["label"] or row["id"]
        if kind in earlier:
            hits.append(kind in [one.group_id for one in candidates(entry, earlier)])
        earlier[kind].append(entry)
    recall = sum(hits) / len(hits)
    figure(f"right earlier kind among five: {recall:.3f} of {len(hits)}")
    assert recall >= 0.97


def test_what_is_looked_at_does_not_grow_with_what_is_there() -> None:
    looked_at = []
    for size in (5_000, 20_000):
        listed = Counted()
        for number in range(size):
            listed.add(features(report(number)))
        nearest(features(report(1)), listed)
        looked_at.append(listed.looked_at)
    assert looked_at[0] == looked_at[1] <= retrieval.LEADS * (1 + retrieval.LATEST)


@pytest.mark.parametrize("entry", [Entry(), Entry(text="?!"), Entry(context="\ud800"), Entry(context="a" * 100_000)])
def test_odd_entries_are_near_to_nothing_else(entry: Entry) -> None:
    assert candidates(entry, {"one": [report(1)], "two": [report(2)]}) == []


@given(st.text(), st.text())
def test_features_do_not_fail(context: str, feedback: str) -> None:
    listed = Listed()
    mine = features(Entry(context=context, feedback=feedback))
    listed.add(mine)
    found = nearest(mine, listed)
    assert [number for number, _ in found] == [0] * bool(mine)
    assert all(0 < likeness <= 1 + 1e-9 for _, likeness in found)


@given(st.text(), st.text())
def test_an_id_leads_back_to_its_wording(space: str, text: str) -> None:
    wording = fingerprint(space, text)
    assert wording_of(pattern_id(wording)) == (wording, BITS)
    short = wording_of(pattern_id(wording)[-6:])
    assert short == (wording & (1 << 30) - 1, 30)


@pytest.mark.parametrize(
    "typed", ["", "pat_", "abc", "pat_" + "a" * 14, "pat_zzzzzzzzzzzz!", "pat_7777777777777", "01890a"]
)
def test_what_is_no_id_means_nothing(typed: str) -> None:
    assert wording_of(typed) is None
