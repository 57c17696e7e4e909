"""The steps after the commit, killed or unplugged at any instant: config, prd, states, further sessions, moves."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from crash_campaign import Campaign, record
from crash_disk import read_tree
from migration_world import fast_folder
from whole_world import Whole, whole

from orchestrator_mcp.services.migration import rollback


@pytest.fixture
def world() -> Iterator[Whole]:
    base = fast_folder()
    yield whole(base / "start")
    shutil.rmtree(base)


@pytest.mark.parametrize("loss", ["killed", "unplugged"])
@pytest.mark.parametrize("what", ["migrate", "rollback"])
def test_all_kinds_arrive_or_none(world: Whole, what: str, loss: str, figure: Callable[[str], None]) -> None:
    if what == "rollback":
        world.migrate(world.open(world.root))
    history = record(world, world.migrate if what == "migrate" else rollback)
    last = "after" if what == "migrate" else "before"
    assert world.verdict(read_tree(world.root)) == last
    campaign = Campaign(world, {"before", "after"}, stride=2)
    if loss == "killed":
        campaign.crashes(history, what)
    else:
        campaign.power_losses(history, what, last)
    assert set(campaign.verdicts) == {"before", "after"}, "a campaign that sees only one side proves nothing"
    figure(f"{what} of all kinds, {loss}: {len(campaign.seen):,} crash states, {campaign.verdicts}")
