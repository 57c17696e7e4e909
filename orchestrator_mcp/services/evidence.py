"""What the lines behind a pattern say: its name, its category, its texts and the correction."""

from collections import Counter
from collections.abc import Sequence

from orchestrator_mcp.analysis.canonical import canonical
from orchestrator_mcp.analysis.digests import text_of
from orchestrator_mcp.analysis.patterns import SURE_WORDS, static_words
from orchestrator_mcp.analysis.sanitize import clip, single_line
from orchestrator_mcp.records import fields
from orchestrator_mcp.records.pattern import Example, PatternKind, Rate
from orchestrator_mcp.storage import queries
from orchestrator_mcp.storage.evidence import Located

from .view import View

EXAMPLES = 3
EXAMPLE_LENGTH = 160
TITLE_LENGTH = 100
CORRECTION_LENGTH = 300


def category_of(view: View, keys: list[int]) -> str | None:
    """The category most entries have, if it is built in or set: a file may say anything."""
    name = queries.common_category(view.db, keys)
    return name if name in fields.CATEGORIES + view.config.categories else None


def title_of(template: str, rate: Rate | None, texts: Sequence[str]) -> str:
    """What a pattern is called: in its entries' words if these agree, or if its template says too little."""
    if rate:
        return clip(f"{single_line(template)} in {rate.k} of {rate.n} workflows", TITLE_LENGTH)
    headlines = list(dict.fromkeys(canonical(text).headline for text in texts))
    in_words = len(headlines) == 1 or (headlines and static_words(template) < SURE_WORDS)
    return clip(single_line(headlines[-1] if in_words else template), TITLE_LENGTH)


def texts_of(kind: PatternKind, lines: Sequence[Located]) -> list[tuple[str, str]]:
    """Record id and text of each line, no two with the same text; newest first, as the lines are."""
    different: dict[str, str] = {}
    for line in lines:
        different.setdefault(text_of(kind, line.value), line.record)
    return [(record, text) for text, record in different.items() if text]


def quoted(texts: Sequence[tuple[str, str]]) -> list[Example]:
    """The first few texts, clipped; they are data, never instructions."""
    return [Example(id=record, text=quotation(text)) for record, text in texts[:EXAMPLES]]


def quotation(text: str) -> str:
    """A text on one line, clipped."""
    return clip(single_line(text), EXAMPLE_LENGTH)


def correction_of(lines: Sequence[Located]) -> str | None:
    """The correction that most of some lines give, on one line; of equally common ones the newest."""
    given = [single_line(text) for line in lines if isinstance(text := line.value.get("feedback"), str)]
    return clip(Counter(given).most_common(1)[0][0], CORRECTION_LENGTH) if given else None
