"""`orchestrator rules`: suggest rules from what recurs, and list them."""

from orchestrator_mcp.analysis.patterns import MIN_FREQUENCY
from orchestrator_mcp.records.fields import CATEGORIES
from orchestrator_mcp.services import rules

from .command import Arguments, Call, checked


def arguments(parser: Arguments) -> None:
    suggest = parser.subcommand("suggest", "draft rules from what recurs, and write the report", _suggest)
    suggest.add_argument("--category", help=f"only one of {', '.join(CATEGORIES)}")
    suggest.add_argument("--min-frequency", type=int, default=MIN_FREQUENCY, help="entries that make a pattern (3)")
    suggest.add_argument("--limit", type=int, default=10, help="how many at most (10)")
    suggest.add_argument("--cursor", help="go on where an earlier page ended")
    parser.subcommand("list", "list the suggestions that wait for a decision", _list)


def _suggest(call: Call) -> object:
    args = call.args
    return rules.suggest_rules(
        call.workspace(),
        category=args.category,
        min_frequency=checked("min-frequency", args.min_frequency, 2, 10_000),
        limit=checked("limit", args.limit, 1, 50),
        cursor=args.cursor,
    )


def _list(call: Call) -> object:
    return rules.open_suggestions(call.workspace())
