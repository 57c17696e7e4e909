"""How long from spawning the server until its tools are listed, against a bare one-tool server of the SDK?

    python tests/bench/cold_start.py [--runs N] [--tool NAME --arguments JSON] [-- COMMAND …]

Runs alternate, so that a busy machine slows both; ratios hold, absolute times do not. Without a command the
real server is measured. The second table is the round trip of one call over stdio.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).parents[2]
BARE = """
from mcp.server.mcpserver import MCPServer

mcp = MCPServer("x")

@mcp.tool()
def hello(name: str) -> str:
    "Say hello."
    return name

mcp.run("stdio")
"""
WARM_UP = 2
CALLS = 300
Message = dict[str, Any]


class Client:
    """A client that does no more than it must."""

    def __init__(self, command: list[str], folder: str) -> None:
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "ORCHESTRATOR_ROOT": folder,
            "PYTHONDONTWRITEBYTECODE": "",  # an installed package has its bytecode; the warm-up makes it here
            "PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode")),
        }
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def ask(self, method: str, params: Message | None = None) -> Message:
        self._send({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}})
        answer = self.stdout.readline()
        if b'"result"' not in answer or b'"isError":true' in answer:
            sys.exit(f"{method} was answered {answer[:300]!r}")
        found: Message = json.loads(answer)
        return found

    def open(self) -> int:
        info = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}
        self.ask("initialize", info)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return len(self.ask("tools/list")["result"]["tools"])

    def _send(self, message: Message) -> None:
        self.stdin.write(json.dumps(message).encode() + b"\n")
        self.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def cold_start(command: list[str], folder: str) -> tuple[float, int]:
    client = Client(command, folder)
    try:
        tools = client.open()
        return (time.perf_counter() - client.started) * 1000, tools
    finally:
        client.close()


def call_times(command: list[str], folder: str, tool: str, arguments: Message) -> list[float]:
    client = Client(command, folder)
    try:
        client.open()
        times = []
        for _ in range(CALLS + 20):
            start = time.perf_counter()
            client.ask("tools/call", {"name": tool, "arguments": arguments})
            times.append((time.perf_counter() - start) * 1000)
        return times[20:]
    finally:
        client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--tool", default="review_patterns", help="the tool whose calls are timed")
    parser.add_argument("--arguments", default="{}", help="its arguments, as JSON")
    parser.add_argument("command", nargs="*", default=[sys.executable, "-m", "orchestrator_mcp"])
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder, "bare.py")
        bare.write_text(BARE, encoding="utf-8")
        commands = {"bare MCPServer": [sys.executable, str(bare)], "this server": said.command}
        starts: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
        for _ in range(said.runs + WARM_UP):
            for name, command in commands.items():
                starts[name].append(cold_start(command, folder))
        report(starts)
        print("\ncall             p50 ms   p99 ms")
        for name, command in commands.items():
            tool, arguments = (
                ("hello", {"name": "x"}) if name.startswith("bare") else (said.tool, json.loads(said.arguments))
            )
            times = call_times(command, folder, tool, arguments)
            print(f"{name:15}  {median(times):6.2f}  {quantiles(times, n=100)[98]:7.2f}   {tool}")


def report(starts: dict[str, list[tuple[float, int]]]) -> None:
    base = [time_ for time_, _ in starts["bare MCPServer"][WARM_UP:]]
    print("cold start       tools   min ms  median ms  ratio of minima  of medians")
    for name, runs in starts.items():
        times = [time_ for time_, _ in runs[WARM_UP:]]
        ratios = f"{min(times) / min(base):15.2f}  {median(times) / median(base):10.2f}"
        print(f"{name:15}  {runs[0][1]:5}  {min(times):7.0f}  {median(times):9.0f}  {ratios}")


if __name__ == "__main__":
    main()
