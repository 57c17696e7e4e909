"""Holds a lock until it is killed. `holder.py FOLDER KIT`."""

import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "storage"), str(Path(__file__).parents[2])]

from kits import KITS

with KITS[sys.argv[2]].open(Path(sys.argv[1]) / "log.jsonl").lock.held():
    print("held", flush=True)
    time.sleep(60)
