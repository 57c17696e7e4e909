"""Reviews, patterns and groups as text for people."""

from orchestrator_mcp.analysis.patterns import rate_text
from orchestrator_mcp.records.grouping import GroupedTexts
from orchestrator_mcp.records.pattern import NearMiss, Pattern, PatternList, PatternReview, Trend
from orchestrator_mcp.records.pattern_decision import PatternDecided, Verdict
from orchestrator_mcp.records.pattern_details import PatternDetails
from orchestrator_mcp.records.wording import counted

from .layout import BAR, bar, clean, colour, day, entries, more, rule, shorten, shown, table

_TIERS = {
    "exact": "equal once what varies is masked",
    "frame": "equal but for one place, which took many values",
    "lines": "alike in headline and opening lines",
    "prose": "alike in words and correction",
    "meaning": "alike in words and meaning",
    "agent": "an agent said so",
    "person": "a person said so",
}
_DONE = {
    Verdict.MERGE: ("Merged", "the merge"),
    Verdict.SPLIT: ("Split", "the split"),
    Verdict.IGNORE: ("Ignored", "ignoring it"),
    Verdict.SAME: ("Linked", "the link"),
    Verdict.NEW: ("Set apart", "setting it apart"),
}


@shown.register
def _(result: PatternReview) -> str:
    counts = result.counts
    window = "whole history" if result.window.from_ is None else f"since {day(result.window.from_)}"
    held = (
        entries(counts.entries),
        counted(counts.sessions, "session"),
        counted(counts.workflows, "workflow"),
    )
    lines = [f"Review ({window}): {', '.join(held)}; compared by {result.engine}", rule()]
    most = max((one.occurrences for one in result.patterns), default=1)
    lines += [_pattern(one, most) for one in result.patterns]
    lines += [f"✓ {clean(one)}" for one in result.positives]
    if result.next_cursor:
        lines.append(f"More: --cursor {result.next_cursor}")
    return "\n".join([*lines, "", result.next_step])


def _pattern(one: Pattern, most: int) -> str:
    where = f"{one.occurrences}× in {counted(one.sessions, 'session')}"
    if one.workflows:
        where += f", {counted(one.workflows, 'workflow')}"
    if one.rate:
        where = f"in {rate_text(one.rate)} of the workflows that could tell"
    notes = [f"confidence {one.confidence.value}", one.state.value]
    notes += [one.trend.value] if one.trend in (Trend.RISING, Trend.FALLING) else []
    notes += ["one incident"] if one.one_incident else []
    notes += [f"{counted(one.retries, 'retry', 'retries')} not counted"] if one.retries else []
    head = f"{colour('⚠', one.priority)} {one.kind.value.replace('_', ' ')}: {clean(one.title)}"
    quotes = [f'    "{shorten(example.text, 6)}"' for example in one.examples if example.text != one.title]
    advice = f"    → {clean(one.correction or one.suggestion)}"
    return "\n".join([head, f"    {bar(one.occurrences, most)} {where}; {', '.join(notes)}  {one.id}", *quotes, advice])


@shown.register
def _(result: GroupedTexts) -> str:
    counts = f"{counted(result.texts, 'text')}, {counted(len(result.groups), 'group')}"
    lines = [f"{counts}, by {result.engine}; {result.alone:,} like no other", rule()]
    most = max((one.members for one in result.groups), default=1)
    for one in result.groups:
        place = f"{clean(one.by)}: " if one.by else ""
        lines += [f"{bar(one.members, most)} {one.members:>5}  {place}{clean(one.template)}"]
        lines += [f'{"":<{BAR}}        "{shorten(example.text, BAR + 10)}"' for example in one.examples[:1]]
    return "\n".join([*lines, *([f"Written: {result.written}"] if result.written else [])])


@shown.register
def _(result: PatternList) -> str:
    if not result.patterns:
        return "No patterns yet. Three entries that say the same make one."
    header = ("id", "kind", "seen", "sessions", "state", "joined by", "what")
    rows = [
        (
            one.id[-6:],
            one.kind.value,
            str(one.occurrences),
            str(one.sessions),
            one.state.value,
            one.joined_by,
            one.title,
        )
        for one in result.patterns
    ]
    return table(header, rows) + more(len(rows), result.total)


@shown.register
def _(result: PatternDetails) -> str:
    seen = f"{entries(result.occurrences)} in {counted(result.sessions, 'session')}"
    lines = [
        f"{result.id}  {result.kind.value.replace('_', ' ')}, {result.state.value}",
        rule(),
        clean(result.title),
        f"  seen       {seen}, {day(result.first_seen)} to {day(result.last_seen)}",
        f"  template   {clean(result.template)}",
        f"  joined by  {result.joined_by}: {_TIERS.get(result.joined_by, '')}; cohesion {result.cohesion:.2f}",
        f"  confidence {result.confidence.value}",
    ]
    lines += [f"  correction {clean(result.correction)}"] if result.correction else []
    lines += ["", f"Members ({result.members_in_all})"]
    lines += [f"  {one.id[-6:]}  {one.occurrences:>4}×  {shorten(clean(one.example), 16)}" for one in result.members]
    if result.near_misses:
        lines += ["", "Near, but kept apart"]
        lines += [line for one in result.near_misses for line in _near_miss(one)]
    if result.decisions:
        lines += ["", "Decided"]
        lines += [
            f"  {day(one.at)}  {one.verdict.value} by {clean(one.by)}{': ' + clean(one.reason) if one.reason else ''}"
            for one in result.decisions
        ]
    return "\n".join(lines)


def _near_miss(one: NearMiss) -> list[str]:
    differ = f"only here: {_words(one.only_here)}; only there: {_words(one.only_there)}"
    return [
        f"  {one.id[-6:]}  {one.occurrences:>4}×  {shorten(clean(one.template), 16)}",
        f"          likeness {one.likeness:.2f}; both: {_words(one.shared)}; {differ}",
    ]


def _words(words: list[str]) -> str:
    return clean(" ".join(words)) or "nothing"


@shown.register
def _(result: PatternDecided) -> str:
    done, undone = _DONE[result.verdict]
    held = f"{counted(result.members, 'member')}, {entries(result.occurrences)}"
    apart = f" Apart from it: {result.apart}." if result.apart else ""
    return f"{f'Took back {undone}' if result.undone else done}. Now {result.pattern_id}: {held}.{apart}"
