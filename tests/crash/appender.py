"""One of many writers: appends lines of three sizes as fast as it can. `appender.py FOLDER COUNT KIT NUMBER SEED`."""

import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "storage"), str(Path(__file__).parents[2])]

from kits import KITS
from torture import checksum

from orchestrator_mcp.storage.lines import encode_line


def main(folder: Path, count: int, kit: str, number: int, seed: int) -> None:
    file = KITS[kit].open(folder / "log.jsonl")
    rng = random.Random(seed * 100 + number)
    while not (folder / "go").exists():
        time.sleep(0.001)
    for serial in range(count):
        pad = rng.choice("aé\u2028😀") * rng.choice((10, 300, 4_000))
        file.append(encode_line({"id": f"{number}-{serial}", "pad": pad, "sum": checksum(pad)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
