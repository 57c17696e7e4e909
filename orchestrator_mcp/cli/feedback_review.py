"""`orchestrator feedback review`: what goes wrong in most workflows, and a roadmap item for it if a person agrees."""

import os
from pathlib import Path

from orchestrator_mcp.errors import InvalidInputError
from orchestrator_mcp.records.feedback_everyone import EveryoneReview
from orchestrator_mcp.records.feedback_review import FeedbackReview
from orchestrator_mcp.records.fields import FeedbackKind
from orchestrator_mcp.records.wording import counted
from orchestrator_mcp.services.feedback_everyone import review_everyone
from orchestrator_mcp.services.feedback_review import review_feedback
from orchestrator_mcp.services.roadmap_approval import add_to_roadmap, suggest_roadmap
from orchestrator_mcp.services.workspace import open_beside
from orchestrator_mcp.storage.workspace import Workspace

from . import render
from .command import Arguments, Call, add_window, days_of
from .prompts import confirm, on_terminal


def arguments(parser: Arguments) -> None:
    review = parser.subcommand("review", "what goes wrong in most workflows, what is said again and again", _review)
    add_window(review)
    which = review.add_mutually_exclusive_group()
    which.add_argument("--tool", dest="kind", action="store_const", const=FeedbackKind.TOOL, help="only about the tool")
    which.add_argument(
        "--process", dest="kind", action="store_const", const=FeedbackKind.PROCESS, help="only about the project"
    )
    review.add_argument("--repo", type=Path, nargs="+", default=[], metavar="PATH", help="read these repositories too")
    review.add_argument("--suggest", action="store_true", help="draft roadmap items, and add them if you agree")
    review.add_argument("--yes", action="store_true", help="with --suggest: add them to ROADMAP.md without asking")
    review.add_argument(
        "--all-users",
        type=Path,
        metavar="PATH",
        help="review what many installations shared instead: a file or folder of exports, or a collector's",
    )
    review.set_defaults(kind=FeedbackKind.BOTH)


def _review(call: Call) -> FeedbackReview | EveryoneReview | None:
    args = call.args
    if args.all_users:
        return _everyone(call)
    if args.yes and not args.suggest:
        raise InvalidInputError("--yes approves what --suggest drafts. Give both.")
    workspace = open_beside(call.workspace(), os.environ, args.repo)
    review = review_feedback(workspace, days=days_of(args), all=args.all, kind=args.kind)
    return _suggested(workspace, review, call) if args.suggest else review


def _everyone(call: Call) -> EveryoneReview:
    args = call.args
    windows = args.days is not None or args.weekly
    if args.kind is FeedbackKind.PROCESS or windows or args.repo or args.suggest or args.yes:
        raise InvalidInputError(
            "--all-users reviews what was shared about the tool, by months. Use it with --tool and --all alone."
        )
    return review_everyone(args.all_users, all=args.all)


def _suggested(workspace: Workspace, review: FeedbackReview, call: Call) -> FeedbackReview | None:
    """With the drafts; on a terminal a person is shown them and asked, elsewhere only --yes adds them."""
    if call.args.yes:
        return add_to_roadmap(workspace, review)
    drafted = suggest_roadmap(workspace, review)
    if not drafted.drafts or not on_terminal() or call.args.json or call.args.quiet:
        return drafted
    print(render.text(drafted.model_copy(update={"next_step": None})))
    if confirm(f"Add {counted(len(drafted.drafts), 'item')} to ROADMAP.md?", "yes", given=False):
        added = add_to_roadmap(workspace, review)
        print(f"Added {', '.join(added.added)} to {added.roadmap}.")
    else:
        print("Nothing was added.")
    return None
