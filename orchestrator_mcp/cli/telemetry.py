"""`orchestrator telemetry`: start, finish and rate agent runs; compare agents."""

from orchestrator_mcp.records.fields import FeedbackSource, OutcomeStatus
from orchestrator_mcp.services import telemetry

from .command import Arguments, Call, checked


def arguments(parser: Arguments) -> None:
    start = parser.subcommand("start", "start a run of an agent", _start)
    start.add_argument("agent_name")
    start.add_argument("task_description")
    start.add_argument("--type", dest="agent_type", help="kind of agent")
    start.add_argument("--task-type", help="kind of task, such as bug_fix")
    start.add_argument("--request-id", help="repeat it to retry safely")
    finish = parser.subcommand("finish", "finish a run", _finish)
    finish.add_argument("invocation_id")
    finish.add_argument("--outcome", choices=[one.value for one in OutcomeStatus], help="how it ended")
    finish.add_argument("--duration", type=float, help="seconds it took")
    finish.add_argument("--error", help="the error message")
    finish.add_argument("--file", dest="files", action="append", help="a file it changed; may be repeated")
    rate = parser.subcommand("rate", "judge a run", _rate)
    rate.add_argument("invocation_id")
    verdict = rate.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--success", action="store_true", help="it did what it was asked")
    verdict.add_argument("--failure", dest="success", action="store_false", help="it did not")
    rate.add_argument("--rating", type=int, help="5 exactly right, 4 minor issues, 3 fixes, 2 rework, 1 failed")
    rate.add_argument("--notes", help="what was good or bad about it")
    rate.add_argument(
        "--source",
        choices=[one.value for one in FeedbackSource],
        default=FeedbackSource.HUMAN.value,
        help="who judges (human)",
    )
    rate.add_argument("--again", choices=["yes", "no"], help="would you use this agent again?")
    rate.add_argument("--alternative", help="an agent that would have been better")
    ranking = parser.subcommand("ranking", "compare agents by their judged runs", _ranking)
    ranking.add_argument("--task-type", help="only runs of this kind of task")
    parser.subcommand("stats", "figures for each agent", _stats)


def _start(call: Call) -> object:
    args = call.args
    return telemetry.log_invocation(
        call.workspace(),
        agent_name=args.agent_name,
        task_description=args.task_description,
        agent_type=args.agent_type,
        state_features={"task": {"type": args.task_type}} if args.task_type else None,
        request_id=args.request_id,
    )


def _finish(call: Call) -> object:
    args = call.args
    return telemetry.log_invocation(
        call.workspace(),
        invocation_id=args.invocation_id,
        outcome_status=OutcomeStatus(args.outcome) if args.outcome else None,
        duration_seconds=args.duration,
        error_message=args.error,
        files_modified=args.files,
    )


def _rate(call: Call) -> object:
    args = call.args
    return telemetry.log_success_metric(
        call.workspace(),
        invocation_id=args.invocation_id,
        success=args.success,
        quality_rating=None if args.rating is None else checked("rating", args.rating, 1, 5),
        feedback_notes=args.notes,
        feedback_source=FeedbackSource(args.source),
        would_use_again=None if args.again is None else args.again == "yes",
        alternative_agent_suggested=args.alternative,
    )


def _ranking(call: Call) -> object:
    return telemetry.get_agent_ranking(call.workspace(), task_type=call.args.task_type)


def _stats(call: Call) -> object:
    return telemetry.statistics(call.workspace())
