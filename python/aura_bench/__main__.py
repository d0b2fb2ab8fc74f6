"""`python -m aura_bench ARGUMENTS`: the program itself."""

from __future__ import annotations

import os
import subprocess
import sys

from ._errors import ProgramNotFound
from ._program import program


def main() -> int:
    """Becomes the program, where the system can do that; else waits for it. Returns its exit code."""
    try:
        command = [program(), *sys.argv[1:]]
        if os.name != "nt":
            os.execv(command[0], command)
        with subprocess.Popen(command) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    # The console tells the program too; it ends at its checkpoint.
                    continue
    except (ProgramNotFound, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ProgramNotFound.EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
