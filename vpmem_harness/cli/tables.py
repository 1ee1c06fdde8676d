"""Text tables."""

from __future__ import annotations

from collections.abc import Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Format rows as a table; numbers are aligned to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(text) for text in column)
              for column in zip(columns, *cells, strict=True)]
    numeric = [bool(rows) and all(isinstance(row[number], int) for row in rows)
               for number in range(len(columns))]

    def line(texts: Sequence[str]) -> str:
        return '  '.join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(texts, widths, numeric, strict=True)).rstrip()

    return '\n'.join([line(columns), line(['-' * width for width in widths]),
                      *(line(row) for row in cells)])
