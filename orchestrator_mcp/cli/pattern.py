"""`orchestrator pattern`: what the patterns are, why, and what you decide about them."""

import argparse

from orchestrator_mcp.services import pattern_decisions, pattern_details

from .command import Arguments, Call, add_min_frequency, checked, min_frequency_of

MEMBERS = 20  # wordings of a pattern that fit a screen


def arguments(parser: Arguments) -> None:
    listing = parser.subcommand("list", "list every pattern, the ignored ones too", _list)
    add_min_frequency(listing)
    listing.add_argument("--limit", type=int, default=50, help="how many at most (50)")
    _pattern(parser.subcommand("show", "show one pattern: its members, why they are one, what stayed out", _show))
    merge = parser.subcommand("merge", "make one pattern of several", _merge)
    _pattern(merge)
    merge.add_argument("others", nargs="+", metavar="OTHER", help="a pattern that becomes part of it")
    _reason(merge)
    split = parser.subcommand("split", "take members out of a pattern, to be one of their own", _split)
    _pattern(split)
    split.add_argument("members", nargs="+", metavar="MEMBER", help="a member, as `pattern show` names it")
    _reason(split)
    ignore = parser.subcommand("ignore", "leave a pattern out of reviews and suggestions", _ignore)
    _pattern(ignore)
    _reason(ignore)
    _pattern(parser.subcommand("undo", "take back the newest decision about a pattern", _undo))


def _pattern(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern", help="its id, or the last 6 characters of it")


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", help="why, for whoever reads it later")


def _list(call: Call) -> object:
    args = call.args
    return pattern_details.list_patterns(
        call.workspace(),
        min_frequency=min_frequency_of(args),
        limit=checked("limit", args.limit, 1, 10_000),
    )


def _show(call: Call) -> object:
    return pattern_details.describe_pattern(call.workspace(), call.args.pattern, members=MEMBERS)


def _merge(call: Call) -> object:
    args = call.args
    return pattern_decisions.merge_patterns(call.workspace(), args.pattern, args.others, reason=args.reason)


def _split(call: Call) -> object:
    args = call.args
    return pattern_decisions.split_pattern(call.workspace(), args.pattern, args.members, reason=args.reason)


def _ignore(call: Call) -> object:
    return pattern_decisions.ignore_pattern(call.workspace(), call.args.pattern, reason=call.args.reason)


def _undo(call: Call) -> object:
    return pattern_decisions.undo_decision(call.workspace(), call.args.pattern)
