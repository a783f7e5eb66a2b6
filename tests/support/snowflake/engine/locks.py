"""Table locks as Snowflake's: UPDATE, DELETE, MERGE and TRUNCATE hold one until their transaction ends, INSERT takes
none; others wait up to LOCK_TIMEOUT, at most 20 of them. A transaction that is idle and in the way is rolled back
after a time (Snowflake: five minutes), which is how the locks of a killed client go.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, Protocol

from errors import SqlError

MAX_WAITERS = 20


class Owner(Protocol):
    id: str
    label: str

    def transaction_id(self) -> str | None:
        """The open transaction's number."""

    def release_if_idle(self, idle_seconds: float) -> bool:
        """Rolls the owner's transaction back if it has done nothing for so long; says whether it did."""


class Locks:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owners: dict[str, Owner] = {}
        self._waiting: dict[Owner, str] = {}

    def held(self) -> list[tuple[str, Owner, str]]:
        """Table, session and HOLDING or WAITING."""
        with self._changed:
            held = [(table, owner, "HOLDING") for table, owner in self._owners.items()]
            return held + [(table, owner, "WAITING") for owner, table in self._waiting.items()]

    def acquire(self, owner: Owner, table: str, timeout: float, idle_seconds: float, check: Callable[[], None]) -> None:
        """Waits until `owner` holds the table. `check` raises when the statement is cancelled or timed out."""
        deadline = time.monotonic() + timeout
        while True:
            with self._changed:
                holder = self._owners.get(table)
                if holder is None or holder is owner:
                    self._owners[table] = owner
                    self._waiting.pop(owner, None)
                    return
                self._refuse_hopeless(owner, holder, table)
                self._waiting[owner] = table
            try:
                check()
                if holder.release_if_idle(idle_seconds):
                    continue
                if time.monotonic() >= deadline:
                    raise _locked(holder, table, "it waited longer than LOCK_TIMEOUT.")
            except BaseException:
                with self._changed:
                    self._waiting.pop(owner, None)
                raise
            with self._changed:
                if self._owners.get(table) is holder:
                    self._changed.wait(timeout=0.1)

    def release(self, owner: Owner) -> None:
        with self._changed:
            for table in [table for table, holder in self._owners.items() if holder is owner]:
                del self._owners[table]
            self._changed.notify_all()

    def _refuse_hopeless(self, owner: Owner, holder: Owner, table: str) -> None:
        waiters = sum(1 for waiting in self._waiting.values() if waiting == table)
        if owner not in self._waiting and waiters >= MAX_WAITERS:
            raise _locked(holder, table, "the number of waiters for this lock exceeds the 20 statements limit.")
        seen = holder
        for _ in range(len(self._waiting) + 1):
            wanted = self._waiting.get(seen)
            if wanted is None:
                return
            seen = self._owners.get(wanted, seen)
            if seen is owner:
                self._waiting.pop(owner, None)
                raise _locked(holder, table, "it would wait for ever (deadlock).")


def _locked(holder: Owner, table: str, why: str) -> SqlError:
    # The code is documented for too many waiters; Snowflake's text for the other two is not, the code is the same here.
    name = table.rsplit(".", 1)[-1]
    return SqlError(
        "000625",
        "57014",
        f"Statement '{holder.label}' has locked table '{name}' in transaction {holder.transaction_id()} and this lock has not "
        f"yet been released.\nYour statement was aborted because {why}",
    )
