"""Holds the simulation against recordings, for example of random sessions::

    python -m tools.recording.compare build/recording/random-7.jsonl
"""

from __future__ import annotations

import argparse
import pathlib

from tests.unit.pmem import replay


def compare(path: pathlib.Path) -> tuple[list[str], int]:
    """The rows of a recording that do not replay, as differences, and the number of all rows."""
    recording, rows = replay.load(path)
    session = replay.Session(replay.machine_of(recording))
    differences = [difference for row in rows if (difference := session.difference(row))]
    return differences, sum(row.compared for row in rows)


def main() -> None:
    """Prints the differences of each recording, and the share of rows that are equal."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('recordings', nargs='+', type=pathlib.Path)
    for path in parser.parse_args().recordings:
        differences, count = compare(path.absolute())
        for difference in differences:
            print(difference, end='\n\n')
        equal = count - len(differences)
        print(f'{path.name}: {equal} of {count} rows are equal ({100 * equal / count:.1f} %)')


if __name__ == '__main__':
    main()
