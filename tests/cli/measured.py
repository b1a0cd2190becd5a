"""The command line, with its peak memory in kB as the last line on stderr."""

import resource
import sys
from pathlib import Path

from stedi.cli.app import run

STATUS = Path("/proc/self/status")


def peak() -> int:
    """Of this process alone; getrusage on Linux counts that of the parent before exec."""
    if STATUS.exists():
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    code = run()
    sys.stderr.write(f"{peak()}\n")
    sys.exit(code)
