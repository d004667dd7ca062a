"""Starts the supervisor's own background work, so that none of it can end unnoticed.

A task that dies silently would leave a platform that looks alive and no longer obeys.
"""

import asyncio
from collections.abc import Coroutine

from cpaas.kit.log import get_logger

log = get_logger("supervisor")


def background(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
    """Runs `work` as a task whose failure is logged."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell_failure)
    return task


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background work ended", task=task.get_name(), exc_info=error)
