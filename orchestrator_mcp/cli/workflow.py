"""`orchestrator workflow`: start a workflow, record what happens in it, see where it stands."""

import argparse

from orchestrator_mcp.records.fields import WorkflowAction, WorkflowEventKind
from orchestrator_mcp.services import workflows

from .command import Arguments, Call

_STARTS = "start a workflow: the one in workflow.yaml, else the default"


def arguments(parser: Arguments) -> None:
    _task(parser.subcommand("start", _STARTS, _start))
    complete = _action(parser, WorkflowAction.COMPLETE, "record an item as done")
    _item(complete)
    _text(complete, "--notes", "what was done, or learned")
    skip = _action(parser, WorkflowAction.SKIP, "record an item as skipped, with the reason")
    _item(skip)
    skip.add_argument("--reason", dest="text", metavar="REASON", required=True, help="why it is skipped")
    note = _action(parser, WorkflowAction.NOTE, "add a note, to an item or to the workflow")
    note.add_argument("text", metavar="TEXT", help="the note")
    note.add_argument("--item", metavar="ID", help="the item it is about")
    _action(parser, WorkflowAction.ADVANCE, "close the phase and begin the next")
    event = _action(parser, WorkflowAction.EVENT, "record a review, an error, a command or the use of parallel agents")
    event.add_argument("event", choices=[one.value for one in WorkflowEventKind], help="what happened")
    event.add_argument("--item", metavar="ID", help="the item it is about, or which review")
    _text(event, "--text", "notes, the error, or the command's output")
    event.add_argument("--command", dest="ran", metavar="COMMAND", help="the command that was run")
    event.add_argument("--exit-code", type=int, metavar="N", help="what it ended with")
    _text(_action(parser, WorkflowAction.PAUSE, "record that the work rests"), "--reason", "why")
    _text(_action(parser, WorkflowAction.RESUME, "record that the work goes on"), "--notes", "what to know")
    _text(_action(parser, WorkflowAction.FINISH, "end the workflow as completed"), "--notes", "a last note")
    _text(_action(parser, WorkflowAction.ABANDON, "end the workflow as abandoned"), "--reason", "why")
    _workflow(parser.subcommand("show", "show where the workflow stands and what is open", _show))


def start_alone(parser: Arguments) -> None:
    """The arguments of `orchestrator start`, which is `orchestrator workflow start`."""
    _task(parser.runs(_start))


def _task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="what is to be done, in one sentence")
    _request(parser)


def _action(parser: Arguments, action: WorkflowAction, help: str) -> argparse.ArgumentParser:
    sub = parser.subcommand(action.value, help, _update)
    sub.set_defaults(action=action)
    _workflow(sub)
    _request(sub)
    return sub


def _item(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("item", metavar="ITEM", help="its id, as `orchestrator workflow show` lists it")


def _text(parser: argparse.ArgumentParser, option: str, help: str) -> None:
    parser.add_argument(option, dest="text", metavar="TEXT", help=help)


def _workflow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workflow", metavar="ID", help="a workflow's id; the current one if left out")


def _request(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--request-id", help="repeat it to retry safely")


def _start(call: Call) -> object:
    return workflows.start_workflow(call.workspace(), task=call.args.task, request_id=call.args.request_id)


def _update(call: Call) -> object:
    args = call.args
    return workflows.update_workflow(
        call.workspace(),
        action=args.action,
        item=getattr(args, "item", None),
        text=getattr(args, "text", None),
        event=getattr(args, "event", None),
        command=getattr(args, "ran", None),
        exit_code=getattr(args, "exit_code", None),
        workflow_id=args.workflow,
        request_id=args.request_id,
    )


def _show(call: Call) -> object:
    return workflows.get_workflow(call.workspace(), workflow_id=call.args.workflow)
