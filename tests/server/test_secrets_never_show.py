"""What a server says to its client and to its log holds no secret that lies beside it."""

import sys
from pathlib import Path

from processes import Server

from orchestrator_mcp.services.secrets import set_secret
from orchestrator_mcp.services.workspace import open_workspace

VALUE = "tr0ub4dor-and-a-horse-9"
FAILURE = {"context": "It broke", "feedback": "Mend it", "category": "api"}


def test_no_answer_and_no_line_of_the_log_holds_a_secret(tmp_path: Path) -> None:
    root, log = tmp_path / "project", tmp_path / "debug.log"
    root.mkdir()
    set_secret(open_workspace({}, root, root=str(root)), "API_TOKEN", VALUE)
    (root / ".orchestrator/config.yaml").write_text(f"min_frequency: {VALUE}\n")
    environment = ["env", f"API_TOKEN={VALUE}", f"ORCHESTRATOR_MIN_WORKFLOWS={VALUE}"]
    command = [sys.executable, "-m", "orchestrator_mcp", "--root", str(root), "--debug-log", str(log)]
    with Server([*environment, *command]) as server:
        said = [server.handshake(), server.call("log_failure", FAILURE), server.call("review_patterns", {"all": True}),
                server.call("log_failure", {**FAILURE, "category": "cooking"})]  # fmt: skip
        assert "2 settings cannot be used" in repr(said[1])
        assert said[3]["result"]["isError"] is True
        assert VALUE not in repr(said) + server.errors() + log.read_text()
