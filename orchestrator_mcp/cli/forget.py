"""`orchestrator forget`: remove one record's text from every file."""

from orchestrator_mcp.services.forgetting import forget

from .command import FAILED, Arguments, Call
from .prompts import confirm


def arguments(parser: Arguments) -> None:
    one = parser.runs(_forget)
    one.add_argument("id", help="the record's id, or the last 6 characters of it")
    one.add_argument("--yes", action="store_true", help="do not ask")


def _forget(call: Call) -> object:
    question = f"Remove the text of {call.args.id} from every file of this store? It cannot be undone."
    if not confirm(question, "yes", given=call.args.yes):
        return FAILED, None
    return forget(call.workspace(), call.args.id)
