"""Write the figures of a new run into docs/grouping.md: `python tests/bench/grouping_docs.py`.

What stands between `<!-- COMMAND # SECTION -->` and `<!-- end -->` is replaced by that section of what the command
prints, or by all of it. A command runs once.
"""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "grouping.md"
_FIGURES = re.compile(r"(<!-- (python [^#\n]+?)(?: # (.+?))? -->\n).*?(<!-- end -->)", re.DOTALL)


@cache
def printed_by(command: str) -> str:
    words = [sys.executable, *shlex.split(command)[1:]]
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def section(text: str, heading: str | None) -> str:
    """The lines below a heading, as they were printed; without one all lines, as Markdown."""
    if heading is None:
        return text.strip()
    (found,) = re.findall(rf"^## {re.escape(heading)}.*\n((?:(?!## ).*\n)*)", text, re.MULTILINE)
    return f"```\n{found.strip()}\n```"


def renewed(document: str) -> str:
    return _FIGURES.sub(lambda m: f"{m[1]}\n{section(printed_by(m[2]), m[3])}\n\n{m[4]}", document)


if __name__ == "__main__":
    DOC.write_text(renewed(DOC.read_text("utf-8")), encoding="utf-8")
