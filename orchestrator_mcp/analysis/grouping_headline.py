"""Which line of a text says what went wrong?"""

import re

HEAD, TAIL = 6000, 2000  # characters of a huge text that are looked at,
FIRST, LAST = 60, 60  # lines of these,
WIDTH = 600  # and characters of a line

_ANSI = re.compile(
    r"\x1b(?:\[[0-9;:?]{0,24}[A-Za-z]|\][^\x07\x1b]{0,120}\x07?|[()][A-Z0-9]|[=>])"
    r"|[\x00-\x08\x0e-\x1f\x7f]"
)
_STACK = re.compile(r'\s{0,40}File "[^"\n]{1,400}", line \d')
_PYTEST = re.compile(r"E {2,8}(?=\S)")
_OPENING = re.compile(rf"Traceback \(most recent|{_STACK.pattern}|{_PYTEST.pattern}")
_RAISED = re.compile(
    r"(?:[A-Za-z_]\w{0,60}\.){0,8}(?=[A-Z])\w{0,60}(?:Error|Exception|Warning|Failure|Fault|Interrupt)\b(?=: )"
    r"|(?:[a-z_]\w{0,60}\.){1,8}[A-Z]\w{0,60}(?=: )"
)
_LEVEL = r"\[?(?:ERROR|WARN(?:ING)?|INFO|DEBUG|FATAL|SEVERE|error|warn(?:ing)?|info|debug|fatal)\]:?\s{1,8}(?:- )?"
_LEVELLED = re.compile(_LEVEL)
_PREFIX = re.compile(
    r"(?:FAILED|ERROR|FAIL:?) {1,4}\S{1,300}(?: - | {1,4}\()"
    r"|(?:<\w{1,40}>|(?:[A-Za-z]:)?(?!(?i:error|code|status|line|exit):)[^\s:]{1,300}):\d{1,7}(?::\d{1,7})?:? {1,4}"
    r"|E {2,8}"
    r"|thread '[^'\n]{1,200}' (?:\(\d{1,9}\) )?panicked at "
    rf"|{_LEVEL}"
    r"|(?:\[[^\[\]\n]{0,40}\d\d:\d\d[^\[\]\n]{0,40}\]|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S{0,12}) {1,4}"
)
_WRAPPER = re.compile(
    r"(?:[\w-]{1,30} ){0,4}(?:failed|failure|failing|error|errored|crashed|exited|raised|aborted|died)\b[^:\n]{0,60}"
    r"(?:(?<= )[A-Za-z]:[^:\n]{1,240})?(?::\d{1,7}){0,2}:\s{1,4}",
    re.IGNORECASE,
)
_DOING = re.compile(r"[^:\n]{1,80}:\s{1,4}")
_NOISE = re.compile(
    r".{0,40}\bexit(?:ed)?(?: with)?(?: exit)? ?(?:code|status)\b.{0,20}"
    r"|[\W_]{0,600}"
    r"|[\W_]{0,8}(?:errors?|failures?|failed|warnings?|fatal|traceback \(most recent call last\)"
    r"|the above exception.{0,80}|during handling of.{0,80}|npm (?:err!|error))[\W_]{0,40}",
    re.IGNORECASE,
)
_TROUBLE = re.compile(
    r"\b(?:\w{0,40}(?:error|exception|fail|failed|failure|fatal|panic|panicked)|cannot|can't|could not|couldn't"
    r"|not found|unable|invalid|undefined|unexpected|expected|missing|denied|refused|err!)(?!\w)",
    re.IGNORECASE,
)


def plain_lines(text: str) -> list[str]:
    """The non-empty lines without colour codes; of a huge text, some of its beginning and some of its end."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n{text[-TAIL:]}"
    if not text.isprintable():
        text = _ANSI.sub("", text)
    lines = [line for line in text.splitlines() if line and not line.isspace()]
    if len(lines) > FIRST + LAST:
        lines = lines[:FIRST] + lines[-LAST:]
    return [_cut(line.rstrip()) for line in lines]


def headline(lines: list[str]) -> str:
    """The line that carries the meaning, without the prefixes and wrappers around it."""
    if not lines:
        return ""
    return _unwrapped(lines[0] if len(lines) == 1 else _raised_line(lines) or _trouble_line(lines))


def says_nothing(line: str) -> bool:
    """Is this line only a wrapper, such as `Exit code 1`, that any failure may have around it?"""
    return bool(_NOISE.fullmatch(line))


def is_bare_traceback(lines: list[str]) -> bool:
    """Is this one exception with its stack, whatever came before, rather than the output of a program?"""
    raised = _raised_line(lines)
    return bool(raised) and (raised in lines[-2:] or any(_OPENING.match(line) for line in lines[:3]))


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[:WIDTH].rsplit(None, 1)[0]


def _raised_line(lines: list[str]) -> str | None:
    """The last exception of a traceback or of a pytest report."""
    stacks = [number for number, line in enumerate(lines) if _STACK.match(line)]
    if stacks:
        after = (line for line in lines[stacks[-1] + 1 :] if not line[0].isspace() and not _NOISE.fullmatch(line))
        return next(after, None)
    marked = [bool(_PYTEST.match(line)) for line in lines]
    starts = [line for line, now, before in zip(lines, marked, [False, *marked], strict=False) if now and not before]
    return starts[-1] if starts else None


def _trouble_line(lines: list[str]) -> str:
    bare = [_LEVELLED.sub("", line.strip(), count=1) for line in lines]
    telling = [line for line in bare if not _NOISE.fullmatch(line)] or bare
    return next(filter(_RAISED.match, telling), None) or next(filter(_TROUBLE.search, telling), telling[0])


def _unwrapped(line: str) -> str:
    line = line.strip()
    for _ in range(3):
        prefix = _PREFIX.match(line)
        if not prefix or prefix.end() >= len(line):
            break
        line = line[prefix.end() :]
    wrapper = _WRAPPER.match(line) or _DOING.match(line)
    if wrapper and _RAISED.match(line, wrapper.end()):
        line = line[wrapper.end() :]
    raised = _RAISED.match(line)
    # `requests.exceptions.Timeout` in one place is plain `Timeout` in another.
    return line[raised[0].rfind(".") + 1 :] if raised else line
