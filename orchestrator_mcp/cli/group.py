"""`orchestrator group`: group the texts of any file."""

from pathlib import Path

from orchestrator_mcp.records.config import MIN_FREQUENCY, Engine
from orchestrator_mcp.services.grouping import group_file

from .command import Arguments, Call, checked


def arguments(parser: Arguments) -> None:
    one = parser.runs(_group)
    one.add_argument("file", type=Path, help="a file with one JSON object a line: {id?, text, context?, feedback?}")
    one.add_argument("--field", default="text", help="the name of the text (text)")
    one.add_argument("--by", help="a field that keeps apart what has different values in it, such as project")
    one.add_argument("--out", type=Path, help="write one {id, cluster} a line to this file")
    one.add_argument("--min-frequency", type=int, default=MIN_FREQUENCY, help="texts that make a group (3)")
    one.add_argument("--words-only", action="store_true", help="leave out the tier of meaning, if it is installed")


def _group(call: Call) -> object:
    args = call.args
    least = checked("min-frequency", args.min_frequency, 1, 1_000_000)
    words = args.words_only or call.workspace().config.engine is Engine.WORDS
    return group_file(args.file, field=args.field, by=args.by, out=args.out, min_frequency=least, words_only=words)
