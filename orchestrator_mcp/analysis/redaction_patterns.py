"""A pattern, compiled when it is first needed: all of them would cost every start 30 ms."""

import re
from functools import cache


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
