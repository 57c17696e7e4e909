"""When the process ends: within two seconds of its client leaving, and never before its last answers."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest
from processes import ENDS, ENVIRONMENT, FAKE, HANG, INITIALIZE, INITIALIZED, SLACK, Message, Server, request

SLOW = {"name": "slow", "arguments": {"seconds": 0.5}}
STUCK = {"name": "slow", "arguments": {"seconds": 60}}
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def gone_in_time(server: Server) -> bool:
    return server.seconds_until_exit() <= ENDS + SLACK


def test_end_of_stdin_ends_it(server: Server) -> None:
    server.stdin.close()
    assert gone_in_time(server)
    assert server.process.returncode == 0


def test_answers_in_flight_are_given_after_the_end_of_stdin(server: Server) -> None:
    for number in range(5):
        server.send(request(number, "tools/call", SLOW))
    server.stdin.close()
    assert {server.read()["id"] for _ in range(5)} == set(range(5))
    assert server.read_or_end() is None
    assert gone_in_time(server)
    assert server.process.returncode == 0


def test_questions_piped_in_at_once_are_answered() -> None:
    with Server() as server:
        server.send(INITIALIZE)
        server.send(INITIALIZED)
        server.send(request(1, "tools/call", SLOW))
        server.stdin.close()
        assert [server.read()["id"], server.read()["id"], server.read_or_end()] == ["hello", 1, None]


def test_a_last_line_without_its_end_is_read(server: Server) -> None:
    server.stdin.write(b'{"jsonrpc":"2.0","id":7,"method":"ping"}')
    server.stdin.close()
    assert server.read()["id"] == 7


def test_a_stuck_tool_does_not_keep_it(server: Server) -> None:
    server.send(request(1, "tools/call", STUCK))
    time.sleep(0.2)
    server.stdin.close()
    assert gone_in_time(server)
    assert server.process.returncode == 0


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("call", [None, SLOW, STUCK], ids=["idle", "slow", "stuck"])
def test_a_signal_ends_it(server: Server, number: signal.Signals, call: Message | None) -> None:
    if call:
        server.send(request(1, "tools/call", call))
        time.sleep(0.2)
    server.process.send_signal(number)
    assert gone_in_time(server)
    assert server.process.returncode == SIGNALS[number]
    if call is SLOW:
        assert server.read()["id"] == 1


def test_signals_on_top_of_each_other_end_it_once(server: Server) -> None:
    for number in (*SIGNALS, *SIGNALS):
        server.process.send_signal(number)
    assert gone_in_time(server)
    assert server.process.returncode in SIGNALS.values()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_it_starts_ends_it(number: signal.Signals) -> None:
    with Server() as server:
        time.sleep(0.15)
        server.process.send_signal(number)
        assert gone_in_time(server)
        assert server.process.returncode in (SIGNALS[number], -number)


def test_a_client_that_reads_no_more_ends_it() -> None:
    ours, theirs = os.pipe()
    with Server(stdout=theirs) as server:
        os.close(theirs)
        server.send(request(1, "ping"))
        os.read(ours, 10)
        os.close(ours)
        server.send(request(2, "ping"))
        assert gone_in_time(server)


def test_a_client_that_never_reads_does_not_keep_it() -> None:
    ours, theirs = os.pipe()
    with Server(stdout=theirs) as server:
        os.close(theirs)
        server.send(b"\n".join(b"nonsense" for _ in range(5_000)))
        server.stdin.close()
        assert gone_in_time(server)
        os.close(ours)


PARENT = """
import subprocess, sys, time
server = subprocess.Popen(sys.argv[1:], stdin=0, stdout=1, stderr=subprocess.DEVNULL)
print(server.pid, file=sys.stderr, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_the_parents_death_ends_it_though_a_sibling_holds_stdin_open(ending: signal.Signals) -> None:
    stdin, hold = os.pipe()
    answers, stdout = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *FAKE], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert parent.stderr
    os.close(stdin)
    os.close(stdout)
    with subprocess.Popen(["sleep", "60"], pass_fds=[hold]) as sibling, os.fdopen(answers, "rb") as lines:
        int(parent.stderr.readline())
        os.write(hold, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        assert b'"id":1' in lines.readline()
        parent.send_signal(ending)
        parent.wait(HANG)
        start = time.monotonic()
        # stdout reaches its end when the last process that holds it, the server, is gone
        assert select.select([lines], [], [], HANG)[0]
        assert lines.read() == b""
        assert time.monotonic() - start <= ENDS + SLACK
        sibling.kill()
    os.close(hold)
    parent.stderr.close()


def test_a_client_that_says_nothing_and_leaves_ends_it() -> None:
    with Server() as server:
        server.stdin.close()
        server.process.wait(HANG)
        assert server.process.returncode == 0
        assert server.read_or_end() is None
