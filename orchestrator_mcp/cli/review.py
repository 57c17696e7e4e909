"""`orchestrator review`: what recurs."""

from pathlib import Path

from orchestrator_mcp.analysis.patterns import MIN_FREQUENCY
from orchestrator_mcp.records.fields import CATEGORIES
from orchestrator_mcp.services import patterns
from orchestrator_mcp.storage.documents import write_inside

from . import render
from .command import Arguments, Call, checked


def arguments(parser: Arguments) -> None:
    review = parser.runs(_review)
    window = review.add_mutually_exclusive_group()
    window.add_argument("--days", type=int, default=7, help="look back this many days (7)")
    window.add_argument("--weekly", dest="days", action="store_const", const=7, help="the same as --days 7")
    window.add_argument("--all", action="store_true", help="look at the whole history")
    review.add_argument("--category", help=f"only one of {', '.join(CATEGORIES)}")
    review.add_argument("--min-frequency", type=int, default=MIN_FREQUENCY, help="entries that make a pattern (3)")
    review.add_argument("--limit", type=int, default=10, help="how many patterns at most (10)")
    review.add_argument("--cursor", help="go on where an earlier page ended")
    review.add_argument("--output", type=Path, help="also write what is printed to a file inside the project")


def _review(call: Call) -> object:
    args = call.args
    workspace = call.workspace()
    review = patterns.review_patterns(
        workspace,
        days=checked("days", args.days, 1, 36_500),
        all=args.all,
        category=args.category,
        min_frequency=checked("min-frequency", args.min_frequency, 2, 10_000),
        limit=checked("limit", args.limit, 1, 50),
        cursor=args.cursor,
    )
    if args.output:
        shown = review.model_dump_json() if args.json else render.text(review)
        write_inside(workspace.paths.work_root, args.output, shown + "\n")
    return review
