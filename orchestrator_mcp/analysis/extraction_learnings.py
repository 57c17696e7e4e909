"""Which sentences of somebody's notes plainly say that something went well, or that it was hard?

Conservative: a sentence that is denied, wished for, or says both, says neither.
"""

import re
from collections.abc import Iterator

MAX_SENTENCES = 5

_BREAK = re.compile(r"(?<=[.!?;])\s+|\n+")
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")
_LABEL = re.compile(
    r"^(?:#{1,4} )?(?:\*\*)?(?:(?P<well>what (?:went|worked) well|went well|worked well)"
    r"|(?P<hard>challenges?(?: faced)?|difficulties|what was (?:hard|difficult)|pain points?))"
    r"(?:\*\*)?\s?:\s?(?:\*\*)?\s*",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?:none|nothing|no|n/?a|-+)\W*", re.IGNORECASE)
_WELL = re.compile(
    r"\b(?:(?:worked|went) (?:very |really |quite )?(?:well|better|smoothly|great)|works? (?:well|better)|paid off"
    r"|helped|caught (?:\w+ ){0,4}early|reduced (?:the )?risk|saved (?:\w+ ){0,3}(?:time|hours?|work)"
    r"|(?:was|were|proved|is|are) (?:very |really )?(?:effective|smooth|helpful|valuable|useful))\b",
    re.IGNORECASE,
)
_HARD = re.compile(
    r"\b(?:challeng(?:e|es|ing)|difficult(?:y|ies)?|tricky|struggled|painful|cumbersome|flaky|confusing|unclear"
    r"|(?:was|were|is|are|too|very) (?:slow|hard)|slowed|took (?:much |far |a lot )?longer|hard to"
    r"|(?:issues?|problems?|trouble) (?:with|in|caused|slowed)|(?:kept|keeps) (?:failing|breaking)|broke|blocked by)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:no|not|never|none|nothing|without|hardly|cannot|(?:did|does|do|was|were|is|are|ca|wo)n\Wt)\b"
    r"|\b(?:would|could|should|might|may|if|hope|wish)\b|\?$",
    re.IGNORECASE,
)


def went_well(notes: str | None) -> str | None:
    """The sentences that plainly say what went well, or None."""
    return _joined(
        text for text, label in sentences(notes) if label == "well" or (not label and _says(_WELL, _HARD, text))
    )


def challenges(notes: str | None) -> str | None:
    """The sentences that plainly say what was hard, or None."""
    return _joined(
        text for text, label in sentences(notes) if label == "hard" or (not label and _says(_HARD, _WELL, text))
    )


def sentences(notes: str | None) -> Iterator[tuple[str, str | None]]:
    """Each sentence, and the kind its own heading gives it. A heading holds until the end of its line."""
    for line in (notes or "").splitlines():
        bare = _BULLET.sub("", line.strip())
        label = _LABEL.match(bare)
        for sentence in _BREAK.split(bare[label.end() :] if label else bare):
            if sentence.strip() and not _NOTHING.fullmatch(sentence.strip()):
                yield sentence.strip(), label.lastgroup if label else None


def _says(wanted: re.Pattern[str], other: re.Pattern[str], text: str) -> bool:
    return bool(wanted.search(text)) and not other.search(text) and not _DENIED.search(text)


def _joined(sentences: Iterator[str]) -> str | None:
    return " ".join([*dict.fromkeys(sentences)][:MAX_SENTENCES]) or None
