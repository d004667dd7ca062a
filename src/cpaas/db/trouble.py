"""How trouble with the database looks, for everybody who must outlive it.

One list, since asyncpg tells of a server that goes away in several unrelated classes: a loop that
forgot one of them ended with the first restart of PostgreSQL.
"""

from typing import Final

import asyncpg

#: the database is away, restarts, or refuses for now. asyncpg says InternalClientError when the
#: server hangs up between two of our words; TimeoutError is an OSError.
AWAY: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
#: the database's own trouble rather than ours: connections, resources, operator, system.
_PASSING_CLASSES: Final = ("08", "40", "53", "55", "57", "58")
#: read-only (a standby that is not promoted yet), and sessions that were ended for idling.
_PASSING_STATES: Final = ("25006", "25P03", "25P04")


def is_passing(error: BaseException) -> bool:
    """Whether trying the same again later can help."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or "08"
        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
    return isinstance(error, AWAY)
