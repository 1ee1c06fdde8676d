"""Runs one benchmark, or all of them in turn: ``python -m bench [NAME [ARGUMENT...]]``."""

from __future__ import annotations

import pathlib
import subprocess
import sys

NAMES = sorted(path.stem for path in pathlib.Path(__file__).parent.glob('[!_]*.py'))


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] not in NAMES:
        print(f'usage: python -m bench [NAME [ARGUMENT...]]; the names are {", ".join(NAMES)}',
              file=sys.stderr)
        return 2
    runs = [arguments] if arguments else [[name] for name in NAMES]
    # Each runs in its own process, so that the memory of one does not slow down the next.
    return max(subprocess.run([sys.executable, '-m', f'bench.{name}', *rest],
                              check=False).returncode for name, *rest in runs)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
