"""Which errors did a workflow meet, and were they the project's or the orchestrator's own?"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import filterfalse

from orchestrator_mcp.records.workflow import LogEvent

from .digests import event_text
from .grouping_headline import headline, plain_lines

MAX_ERRORS = 50
MAX_LENGTH = 500

_FAILURES = {"verification_failed", "gate_failed", "error", "item_failed"}
_TEXTS = ("traceback", "stderr", "error", "stdout", "reason")
_NPM_FACTS = re.compile(r"npm (?:err!|error) (?:code|syscall|path|errno|dest|cwd|signal)\b", re.IGNORECASE)
_OWN_COMMAND = re.compile(r"\s*(?:\S{0,200}/)?(?:orchestrator(?:-mcp)?(?![\w./-])|python[\d.]* -m orchestrator_mcp\b)")
_OWN_PACKAGE = r"(?:orchestrator_mcp|workflow_orchestrator|workflow-orchestrator[\\/]src)"
_OWN_TRACE = re.compile(
    rf'File "(?:[^"\n]{{0,300}}[\\/])?{_OWN_PACKAGE}[\\/][^"\n]{{1,200}}\.py"'
    r"|(?:^|: )orchestrator(?:-mcp)?(?: [a-z-]{1,30}){0,3}: (?:command not found|not found|error:|permission denied)",
    re.MULTILINE | re.IGNORECASE,
)


def split_errors(events: Sequence[LogEvent]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines that say what failed: first the orchestrator's own errors, then the project's; each said once."""
    failures = [event for event in events if event.event_type in _FAILURES]
    return _said_once(filter(is_own, failures)), _said_once(filterfalse(is_own, failures))


def is_own(event: LogEvent) -> bool:
    """Whether an error is the orchestrator's: one of its commands failed, or its code stands in the stack trace.

    A project whose folder merely bears the name is not meant.
    """
    source = event.details.get("source")
    if source in {"orchestrator", "project"}:
        return bool(source == "orchestrator")
    command = event.details.get("command")
    if isinstance(command, str) and _OWN_COMMAND.match(command):
        return True
    return any(_OWN_TRACE.search(text) for text in (*_texts(event), event.message or ""))


def error_line(event: LogEvent) -> str:
    """The one line of an error's output that carries its meaning."""
    text = next(_texts(event), None) or event_text({"details": event.details, "message": event.message})
    lines = plain_lines(text)
    telling = [line for line in lines if not _NPM_FACTS.match(line.strip())]
    return headline(telling or lines)[:MAX_LENGTH]


def _texts(event: LogEvent) -> Iterator[str]:
    for name in _TEXTS:
        text = event.details.get(name)
        if isinstance(text, str) and text.strip():
            yield text


def _said_once(events: Iterable[LogEvent]) -> tuple[str, ...]:
    lines = dict.fromkeys(filter(None, map(error_line, events)))
    return tuple(lines)[:MAX_ERRORS]
