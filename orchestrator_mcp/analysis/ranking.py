"""Which agent does best, said honestly: shrunken rates, intervals, and who has too few runs to say."""

from collections import defaultdict
from collections.abc import Iterable

from orchestrator_mcp.records.fields import OutcomeStatus
from orchestrator_mcp.records.telemetry import AgentRank, AgentRanking, Invocation, SuccessMetric

from .statistics import beta_prior, chance_greater, wilson

ENOUGH_RUNS = 5


def rank_agents(
    invocations: Iterable[Invocation], metrics: Iterable[SuccessMetric], task_type: str | None
) -> AgentRanking:
    """Rank agents by their success rate shrunken towards the rate of all.

    A run counts once it was judged: by a success metric, else by its own outcome. Unknown is not failure, and is
    left out; partial is not success.
    """
    judged = _judgements(metrics)
    runs: dict[str, list[bool]] = defaultdict(list)
    ratings: dict[str, list[int]] = defaultdict(list)
    for run in invocations:
        if task_type is not None and task_type_of(run) != task_type:
            continue
        success = judged[run.invocation_id][0] if run.invocation_id in judged else _by_outcome(run)
        if success is not None:
            runs[run.agent_name].append(success)
        ratings[run.agent_name] += judged.get(run.invocation_id, (None, []))[1]
    ranks = [_rank(name, results, ratings[name]) for name, results in runs.items()]
    return _ordered(ranks, task_type)


def task_type_of(run: Invocation) -> str | None:
    """The kind of task a run had, where its state features say so."""
    task = run.state_features.get("task")
    kind = task.get("type") if isinstance(task, dict) else run.state_features.get("task_type")
    return kind if isinstance(kind, str) else None


def _judgements(metrics: Iterable[SuccessMetric]) -> dict[str, tuple[bool, list[int]]]:
    """The majority of each run's judgements (a tie is no success), and all its ratings."""
    votes: dict[str, list[SuccessMetric]] = defaultdict(list)
    for metric in metrics:
        votes[metric.invocation_id].append(metric)
    return {
        run: (
            2 * sum(metric.success for metric in given) > len(given),
            [metric.quality_rating for metric in given if metric.quality_rating is not None],
        )
        for run, given in votes.items()
    }


def _by_outcome(run: Invocation) -> bool | None:
    status = run.outcome.status
    return None if status is OutcomeStatus.UNKNOWN else status is OutcomeStatus.SUCCESS


def _rank(name: str, results: list[bool], ratings: list[int]) -> AgentRank:
    n, successes = len(results), sum(results)
    low, high = wilson(successes, n)
    quality = round(sum(ratings) / len(ratings), 2) if ratings else None
    return AgentRank(
        agent_name=name,
        n=n,
        successes=successes,
        rate=round(successes / n, 4),
        low=round(low, 4),
        high=round(high, 4),
        quality=quality,
    )


def _ordered(ranks: list[AgentRank], task_type: str | None) -> AgentRanking:
    enough = [rank for rank in ranks if rank.n >= ENOUGH_RUNS]
    a, b = beta_prior([(rank.successes, rank.n) for rank in enough])
    posterior = {rank.agent_name: (a + rank.successes, b + rank.n - rank.successes) for rank in enough}
    shrunken = {name: alpha / (alpha + beta) for name, (alpha, beta) in posterior.items()}
    enough.sort(key=lambda rank: (-shrunken[rank.agent_name], -rank.n, rank.agent_name))
    chance = None
    if len(enough) > 1:
        first, second = (posterior[rank.agent_name] for rank in enough[:2])
        chance = round(chance_greater(first, second), 3)
    return AgentRanking(
        task_type=task_type,
        agents=enough,
        too_few=sorted((rank for rank in ranks if rank.n < ENOUGH_RUNS), key=lambda rank: (-rank.n, rank.agent_name)),
        chance_first_is_best=chance,
    )
