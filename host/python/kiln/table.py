"""Tables: rows of named figures, as text, as HTML in a notebook, and as dicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any


class Table(Sequence[dict[str, Any]]):
    """Rows, each a dict with the same keys."""

    def __init__(self, rows: list[dict[str, Any]], title: str = ""):
        self.rows = rows
        self.title = title

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: Any) -> Any:
        return self.rows[at]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def heads(self) -> list[str]:
        return list(self.rows[0]) if self.rows else []

    def __str__(self) -> str:
        cells = [self.heads()] + [[shown(value) for value in row.values()] for row in self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        lines = ["  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))) for row in cells]
        return "\n".join(([self.title] if self.title else []) + [line.rstrip() for line in lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.heads())
        body = "".join("<tr>" + "".join(f"<td>{escape(shown(value))}</td>" for value in row.values()) + "</tr>" for row in self.rows)
        title = f"<p>{escape(self.title)}</p>" if self.title else ""
        return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def shown(value: Any) -> str:
    """A figure with four digits; what is unknown is a question mark."""
    if value is None:
        return "?"
    if isinstance(value, float):
        if value != value:
            return "?"
        return f"{value:.4g}"
    return str(value)
