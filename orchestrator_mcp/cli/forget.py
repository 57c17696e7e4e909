"""`orchestrator forget`: remove one record's text from every file."""

from orchestrator_mcp.services.forgetting import Forgotten, forget

from .command import FAILED, Arguments, Call
from .prompts import confirm


def arguments(parser: Arguments) -> None:
    one = parser.runs(_forget)
    one.add_argument("id", help="the record's id, or the last 6 characters of it")
    one.add_argument("--yes", action="store_true", help="do not ask")
    one.epilog = (
        "The record stays as an empty shell, that no review counts. Other records lose the same text too, but not "
        "one under 8 characters or of a single word. What lies outside the store is not reached."
    )


def _forget(call: Call) -> object:
    workspace = call.workspace()
    planned = forget(workspace, call.args.id, dry_run=True)
    if planned.files and not confirm(_question(planned), "yes", given=call.args.yes):
        return FAILED, None
    return forget(workspace, planned.id)


def _question(planned: Forgotten) -> str:
    files = f"{len(planned.files)} {'file' if len(planned.files) == 1 else 'files'}"
    one = planned.others == 1
    also = f"{planned.others} other {'record contains' if one else 'records contain'} the same text and "
    also += "loses it too. " if one else "lose it too. "
    return f"Remove the text of {planned.id} from {files}? {also if planned.others else ''}It cannot be undone."
