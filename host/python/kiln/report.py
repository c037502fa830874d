"""How good samples are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import InputError
from .table import Table


class Verdict(dict):
    """Whether samples are those of the target: `outcome` is "holds", "fails" or "cannot be told", `reason` says why."""

    NAMES = {"cannot-tell": "cannot be told"}

    @property
    def outcome(self) -> str:
        return self.NAMES.get(self["outcome"], self["outcome"])

    @property
    def reason(self) -> str:
        return self["reason"]

    def __bool__(self) -> bool:
        """Whether it holds."""
        return self.outcome == "holds"

    def __repr__(self) -> str:
        return f"<kiln.Verdict {self.outcome}: {self.reason}>"


class Report(dict):
    """Every figure of some samples, with its floor or truth, its number of samples and the evaluations it cost: a dict, a table in a terminal,
    HTML in a notebook."""

    def __init__(self, figures: Mapping[str, Any], table: str):
        super().__init__(figures)
        self._table = table

    @property
    def verdict(self) -> Verdict | None:
        """Whether the samples are those of the target."""
        return Verdict(self["verdict"]) if self.get("verdict") else None

    def figure(self, metric: str) -> float | None:
        """The value of the figure of that name."""
        for row in self["rows"]:
            if row["metric"] == metric:
                return row["value"]
        names = ", ".join(row["metric"] for row in self["rows"])
        raise InputError(f"there is no figure {metric!r}", f"there are {names}")

    def __str__(self) -> str:
        return self._table

    def __repr__(self) -> str:
        return self._table

    def _repr_html_(self) -> str:
        keys = ("metric", "value", "sd", "floor", "floor_sd", "truth", "n")
        rows = [{key: row.get(key) for key in keys} for row in self["rows"]]
        return Table(rows, repr(self.verdict) if self.verdict else "")._repr_html_()
