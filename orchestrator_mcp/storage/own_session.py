"""Which session does a process work in? A named one, its client's, one of its own, or the current one."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .sessions import SessionManager, check_session_id
from .settings import Settings

IDLE = timedelta(hours=12)
"""After so long, a person's next command is another session: one incident is not stretched over weeks."""


class OwnSession:
    """The session of one process, chosen when it is first needed."""

    def __init__(self, sessions: SessionManager, settings: Settings) -> None:
        self._sessions = sessions
        self._settings = settings
        self._chosen: str | None = None
        self._opening = threading.Lock()  # a server's tools run on several threads, in one session

    def open(self, make_store: Callable[[], object], now: Callable[[], datetime]) -> str:
        """The session, made if it is not there; one that was removed since is made again, or another chosen."""
        with self._opening:
            if self._chosen is None or not self._sessions.exists(self._chosen):
                named = self._named()
                make_store()
                self._chosen = self._opened(named, now())
            return self._chosen

    def known(self) -> str | None:
        """The session, if it is there; nothing is made."""
        if self._chosen is not None:
            return self._chosen
        named = self._named() or (None if self._settings.own_session else self._sessions.get_current_session())
        return named if named and self._sessions.exists(named) else None

    def _named(self) -> str | None:
        if self._settings.session:
            return check_session_id(self._settings.session)
        if self._settings.client_session:
            return self._sessions.client_session_id(self._settings.client_session)
        return None

    def _opened(self, named: str | None, now: datetime) -> str:
        settings = self._settings
        if named is None and not settings.own_session:
            return self._sessions.current_or_new(self._is_live, client=settings.client, now=now)
        if named is not None and self._sessions.exists(named):
            self._sessions.point_at_first(named)
            return named
        return self._sessions.create_session(
            named, client=settings.client, client_session=settings.client_session, now=now
        )

    def _is_live(self, session_id: str) -> bool:
        """Whether somebody worked in the current session, or chose it, lately; else the next command opens another."""
        last = max(self._sessions.last_activity(session_id), self._sessions.chosen_at())
        return datetime.now(UTC) - last <= IDLE
