"""How far work has come, for whoever watches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO


class Lines:
    """One line that is written anew, and a line for every note."""

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.width = 0

    def step(self, name: str, done: int, total: int, quality: str) -> None:
        text = f"{name}: {min(done / total, 1.0):4.0%} {quality}" if total else f"{name} {quality}"
        text = text[:100]
        self.stream.write("\r" + text.ljust(self.width))
        self.stream.flush()
        self.width = len(text)

    def note(self, text: str) -> None:
        self.stream.write("\r" + " " * self.width + "\r" + text + "\n" if self.width else text + "\n")
        self.stream.flush()
        self.width = 0

    def end(self) -> None:
        if self.width:
            self.stream.write("\n")
            self.width = 0


class Called:
    """A function of (name, done, total, quality)."""

    def __init__(self, function: Callable[[str, int, int, str], Any]):
        self.function = function

    def step(self, name: str, done: int, total: int, quality: str) -> None:
        self.function(name, done, total, quality)

    def note(self, text: str) -> None:
        self.function(text, 0, 0, "")


def watcher(progress: Any) -> Any:
    """What is told: None shows lines where somebody sees them, True always, False never; a function is called."""
    if progress is None:
        progress = sys.stderr.isatty() or "ipykernel" in sys.modules
    if progress is True:
        return Lines(sys.stderr)
    if progress is False:
        return None
    if hasattr(progress, "step") and hasattr(progress, "note"):
        return progress
    if callable(progress):
        return Called(progress)
    from .errors import InputError

    raise InputError(f"progress is {progress!r}", "give True, False, or a function of (name, done, total, quality)")
