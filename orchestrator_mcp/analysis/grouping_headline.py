"""Which line of a text says what went wrong?"""

import re

HEAD, TAIL, WIDTH = 6000, 2000, 600
OPENING = 3

_ANSI = re.compile(r"\x1b(?:\[[0-9;:?]{0,24}[A-Za-z]|\][^\x07\x1b]{0,120}\x07?|[()][A-Z0-9]|[=>])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FRAME = re.compile(r'\s{0,40}File "[^"\n]{1,400}", line \d{1,9}')
_RAISED = re.compile(
    r"(?:[A-Za-z_]\w{0,60}\.){0,8}(?=[A-Z])\w{0,60}(?:Error|Exception|Warning|Failure|Fault|Interrupt)\b(?=: )"
)
_OPENING = re.compile(r"Traceback \(most recent|\s{0,40}File \"[^\"\n]{1,400}\", line \d|E {2,8}\S")
_PYTEST = re.compile(r"E {2,8}(?=\S)")
_PREFIX = re.compile(
    r"(?:FAILED|ERROR|FAIL:?) {1,4}\S{1,300}(?: - | {1,4}\()"
    r"|(?:\S{1,300}?):\d{1,7}(?::\d{1,7})?:? {1,4}"
    r"|E {2,8}"
    r"|thread '[^'\n]{1,200}' (?:\(\d{1,9}\) )?panicked at "
    r"|\[?(?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL|SEVERE|error|warn(?:ing)?|info|debug|fatal)\]:? {1,4}(?:- )?"
    r"|(?:\[[^\[\]\n]{0,40}\d\d:\d\d[^\[\]\n]{0,40}\]|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S{0,12}) {1,4}"
)
_WRAPPER = re.compile(
    r"(?:[\w-]{1,30} ){0,4}(?:failed|failure|failing|error|errored|crashed|exited|raised|aborted|died)\b[^:\n]{0,60}"
    r"(?:(?<= )[A-Za-z]:[^:\n]{1,240})?(?::\d{1,7}){0,2}:\s{1,4}",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"(?:.{0,40}\bexit(?:ed)?(?: with)?(?: exit)? ?(?:code|status)\b.{0,20}|[\W_]*|"
    r"[\W_]{0,8}(?:error|failure|failed|errors|failures|warning|fatal|traceback \(most recent call last\)|"
    r"the above exception.{0,80}|during handling of.{0,80}|npm (?:err!|error))[\W_]{0,40})",
    re.IGNORECASE,
)
_TROUBLE = re.compile(
    r"\b(?:\w{0,40}(?:error|exception|fail|failed|failure|fatal|panic|panicked)|cannot|can't|could not|couldn't|"
    r"not found|unable|invalid|undefined|unexpected|expected|missing|denied|refused|err!)\b",
    re.IGNORECASE,
)


def plain_lines(text: str) -> list[str]:
    """The non-empty lines without colour codes; of a huge text, its beginning and its end."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n{text[-TAIL:]}"
    if "\x1b" in text or not text.isprintable():
        text = _ANSI.sub("", text)
    return [_cut(line.rstrip()) for line in text.splitlines() if line and not line.isspace()]


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[:WIDTH].rsplit(None, 1)[0]


def headline(lines: list[str]) -> str:
    """The line that carries the meaning, without the prefixes and wrappers around it."""
    return _unwrapped(_chosen(lines)) if lines else ""


def _chosen(lines: list[str]) -> str:
    if len(lines) == 1:
        return lines[0]
    return _raised_line(lines) or _trouble_line(lines)


def is_bare_traceback(lines: list[str]) -> bool:
    """Is this one exception with its stack, rather than the output of a program?"""
    if not _raised_line(lines):
        return False
    return len(lines) == 2 or any(_OPENING.match(line) for line in lines[:OPENING])


def _raised_line(lines: list[str]) -> str | None:
    """The last exception of a traceback or of a pytest report."""
    last = max((n for n, line in enumerate(lines) if _FRAME.match(line)), default=None)
    if last is not None:
        after = (line for line in lines[last + 1 :] if not line[0].isspace() and not _NOISE.fullmatch(line))
        return next(after, None)
    marked = [n for n, line in enumerate(lines) if _PYTEST.match(line)]
    starts = [n for n in marked if n - 1 not in marked]
    return lines[starts[-1]] if starts else None


def _trouble_line(lines: list[str]) -> str:
    telling = [line for line in lines if not _NOISE.fullmatch(line.strip())] or lines
    raised = (line for line in telling if _RAISED.match(line.strip()))
    found = next(raised, None) or next((line for line in telling if _TROUBLE.search(line)), None)
    return found or telling[0]


def _unwrapped(line: str) -> str:
    line = line.strip()
    for _ in range(3):
        prefix = _PREFIX.match(line)
        if not prefix or prefix.end() >= len(line):
            break
        line = line[prefix.end() :]
    wrapper = _WRAPPER.match(line)
    if wrapper and _RAISED.match(line, wrapper.end()):
        line = line[wrapper.end() :]
    raised = _RAISED.match(line)
    if raised and "." in raised[0]:
        line = raised[0].rsplit(".", 1)[1] + line[raised.end() :]
    return line
