"""How these scripts are called: `--self-check`, or a trial with a seed, in a directory that is kept if it failed."""

import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path


def main(name, usage, self_check, run):
    """Calls `self_check()` or `run(seed, work)`; true is success. Ends the process."""
    if sys.argv[1:] == ["--self-check"]:
        sys.exit(0 if self_check() else 1)
    if sys.argv[1:]:
        sys.exit(usage)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = int(os.environ.get("SEED", random.randrange(1_000_000)))
    work = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    kept = False
    try:
        kept = run(seed, work)
    finally:
        if kept:
            shutil.rmtree(work)
        else:
            print(f"what was said, what was read and what servers wrote is in {work}")
    sys.exit(0 if kept else 1)
