"""`orchestrator review`: what recurs."""

import os
from pathlib import Path

from orchestrator_mcp.records.fields import CATEGORIES
from orchestrator_mcp.services import patterns
from orchestrator_mcp.services.workspace import open_beside
from orchestrator_mcp.storage.documents import write_inside

from . import render
from .command import Arguments, Call, add_min_frequency, add_window, checked, days_of, min_frequency_of


def arguments(parser: Arguments) -> None:
    review = parser.runs(_review)
    add_window(review)
    review.add_argument("--category", help=f"only one of {', '.join(CATEGORIES)}, or of your own")
    add_min_frequency(review)
    review.add_argument("--limit", type=int, default=10, help="how many patterns at most (10)")
    review.add_argument("--cursor", help="go on where an earlier page ended")
    review.add_argument("--repo", type=Path, nargs="+", default=[], metavar="PATH", help="read these repositories too")
    review.add_argument("--output", type=Path, help="also write what is printed to a file inside the project")


def _review(call: Call) -> object:
    args = call.args
    workspace = open_beside(call.workspace(), os.environ, args.repo)
    review = patterns.review_patterns(
        workspace,
        days=days_of(args),
        all=args.all,
        category=args.category,
        min_frequency=min_frequency_of(args),
        limit=checked("limit", args.limit, 1, 50),
        cursor=args.cursor,
    )
    if args.output:
        shown = review.model_dump_json() if args.json else render.text(review)
        write_inside(workspace.paths.work_root, args.output, shown + "\n")
    return review
