"""How well and how fast secrets are found: recall by context and detector, false alarms, microseconds a record."""

import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "analysis")]

from planted_secrets import clean, planted
from test_redaction import CONTEXTS, MARKER, hide, is_hidden, real_texts

TRIVIAL = re.compile("password")
RECORDS = (
    "AssertionError: expected 3 rows, got 2 in tests/services/test_orders.py::test_refund — the fixture reuses the session",
    "Traceback (most recent call last):\n"
    + '  File "/home/ci/app/client.py", line 42, in connect\n    raise TimeoutError\n' * 4,
    "The agent edited src/config.py without reading it first; read a file before changing it, and run the tests after. "
    * 3,
)


def microseconds(action: Callable[[str], object]) -> float:
    rounds = 2_000
    start = time.perf_counter()
    for _ in range(rounds):
        for record in RECORDS:
            action(record)
    return 1e6 * (time.perf_counter() - start) / rounds / len(RECORDS)


def main() -> None:
    cases = list(planted(9, rounds=20))
    missed = [case for case in cases if not is_hidden(case)]
    for context in CONTEXTS:
        print(f"recall {context:11} {1 - sum(case.context == context for case in missed) * 6 / len(cases):.2%}")
    print(
        f"recall overall     {1 - len(missed) / len(cases):.2%} of {len(cases)}; missed {dict(Counter(c.shape for c in missed))}"
    )
    kinds = Counter(found[1] for case in cases for found in MARKER.finditer(hide(case.text)))
    print("found by           " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    for name, texts in (("generated", list(clean(9, rounds=40))), ("real", list(real_texts()))):
        if texts:
            false = [text for text in texts if hide(text) != text]
            print(f"false alarms {name:9} {len(false) / len(texts):.3%} of {len(texts)}")
    ours, trivial = microseconds(hide), microseconds(lambda record: TRIVIAL.sub("", record))
    print(f"an ordinary record {ours:.1f} µs, {ours / trivial:.0f} times one trivial re.sub ({trivial:.2f} µs)")


if __name__ == "__main__":
    main()
