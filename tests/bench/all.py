"""Run every benchmark, one after the other: `python tests/bench/all.py`. Each prints its own table and targets."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    for script in sorted(HERE.glob("*.py")):
        if script.name != Path(__file__).name and not script.name.startswith("grouping_"):  # parts of grouping.py
            print(f"\n== {script.stem}", flush=True)
            subprocess.run([sys.executable, str(script)], check=False)
