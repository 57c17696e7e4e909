"""`orchestrator rules`: suggest rules from what recurs, and list them."""

from orchestrator_mcp.records.fields import CATEGORIES
from orchestrator_mcp.services import rules

from .command import Arguments, Call, add_min_frequency, checked, min_frequency_of


def arguments(parser: Arguments) -> None:
    suggest = parser.subcommand("suggest", "draft rules from what recurs, and write the report", _suggest)
    suggest.add_argument("--category", help=f"only one of {', '.join(CATEGORIES)}, or of your own")
    add_min_frequency(suggest)
    suggest.add_argument("--limit", type=int, default=10, help="how many at most (10)")
    suggest.add_argument("--cursor", help="go on where an earlier page ended")
    parser.subcommand("list", "list the suggestions that wait for a decision", _list)


def _suggest(call: Call) -> object:
    args = call.args
    return rules.suggest_rules(
        call.workspace(),
        category=args.category,
        min_frequency=min_frequency_of(args),
        limit=checked("limit", args.limit, 1, 50),
        cursor=args.cursor,
    )


def _list(call: Call) -> object:
    return rules.open_suggestions(call.workspace())
