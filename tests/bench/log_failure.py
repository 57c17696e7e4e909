"""How long does logging one failure take, with many earlier entries?

    python tests/bench/log_failure.py [--earlier 0 100000] [--calls 500]

The reference is the append alone, without what is known about the entry. Times are of the verb; `tests/bench/
cold_start.py --tool log_failure` times whole calls over stdio.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from review import make_store, texts

from orchestrator_mcp.records.failure import Failure
from orchestrator_mcp.services.failures import log_failure
from orchestrator_mcp.services.workspace import open_workspace
from orchestrator_mcp.storage.ids import new_id
from orchestrator_mcp.storage.workspace import Workspace


def append_only(workspace: Workspace, text: str) -> None:
    workspace.stream(Failure).append(
        Failure(
            id=new_id(),
            timestamp=workspace.now(),
            session_id=workspace.session_id(),
            context=text,
            feedback="Check it.",
        )
    )


def log(workspace: Workspace, text: str) -> None:
    log_failure(workspace, context=text, feedback="Check it.", category="API")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--earlier", type=int, nargs="+", default=[0, 100_000])
    parser.add_argument("--calls", type=int, default=500)
    chosen = parser.parse_args()
    print(f"{'earlier':>9}  {'what':<24}{'p50 ms':>8}{'p99 ms':>8}{'× append':>10}   target at 1e5")
    for earlier in chosen.earlier:
        with tempfile.TemporaryDirectory() as name:
            if earlier:
                make_store(Path(name), earlier, earlier // 100)
            environment = {key: value for key, value in os.environ.items() if not key.startswith(("ORCH", "CLAUDE"))}
            workspace = open_workspace(environment, Path(name), root=name, own_session=True)
            log(workspace, "the first call builds the cache")
            base = 0.0
            for what, act, target in (("append", append_only, ""), ("log_failure", log, "p50 5 ms")):
                times = []
                for text in texts(chosen.calls, 7):
                    start = time.perf_counter()
                    act(workspace, text)
                    times.append((time.perf_counter() - start) * 1000)
                base = base or median(times)
                p99 = quantiles(times, n=100)[98]
                print(
                    f"{earlier:>9}  {what:<24}{median(times):>8.2f}{p99:>8.2f}{median(times) / base:>10.1f}   {target}"
                )
            workspace.close()


if __name__ == "__main__":
    main()
