"""Processes that were forked have none of the threads that Kiln works with: they would wait for ever."""

import os

from .errors import InputError

_started = False
_forked = False


def enter() -> None:
    """Of everything that needs threads: refuses a process that was forked after they were started."""
    global _started
    if _forked:
        raise InputError(
            "this process was forked after Kiln had started its threads", 'use multiprocessing.get_context("spawn"), or call Kiln first in the child'
        )
    _started = True


def _after_fork() -> None:
    global _forked
    _forked = _started


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
