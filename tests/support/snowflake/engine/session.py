"""One session: its transaction with Snowflake's rules on top of DuckDB's.

DuckDB breaks a transaction at the first error and reads the snapshot of its start. Snowflake keeps it open, undoes only
the failed statement, and each statement sees what was committed before it. So a session remembers the statements of its
transaction, and where DuckDB would differ it rolls back, begins again and repeats them; table locks keep that honest.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Callable

import duckdb
from sqlglot import exp

import dml
from account import Account
from dialect import Cursor
from errors import Conflict, SqlError
from parameters import Parameters

_ATTEMPTS = 50


@dataclass
class Run:
    """A statement in the session's history; epoch seconds."""

    query_id: str
    started: float
    ended: float | None = None


@dataclass
class Transaction:
    id: str
    name: str
    started: float
    explicit: bool
    tables: set[str] = field(default_factory=set)
    journal: list[Callable[[], object]] = field(default_factory=list)
    # The account's version at DuckDB's BEGIN; None before it.
    snapshot: int | None = None


class Session:
    def __init__(self, account: Account, login: dict):
        self.account = account
        self.id = login["id"]
        self.user = login.get("user", "")
        self.role = (login.get("role") or "PUBLIC").upper()
        self.warehouse: str | None = None
        if (name := login.get("warehouse")) and name.upper() in account.settings.warehouses:
            self.warehouse = name.upper()
        self.conn = account.fakesnow.connect(login.get("database"), login.get("schema"))
        self.duck = self.conn._duck_conn
        self.cursor = Cursor(self.conn, self.duck)
        self.parameters = Parameters(login.get("parameters") or {})
        self.apply_time_zone()
        self.mutex = threading.RLock()
        self.transaction: Transaction | None = None
        self.aborted = False
        self.last_used = time.monotonic()
        self.label = str(uuid.uuid4())
        self.stopped: str | None = None
        self.deadline: float | None = None
        self.running = False
        self.texts: dml.Texts | None = None
        self.history: deque[Run] = deque(maxlen=100)
        self._columns: dict[tuple[int, str], dict[str, str]] = {}
        self._views: tuple[int, set[str]] = (-1, set())

    # What the statements use.

    def apply_time_zone(self) -> None:
        self.duck.execute(f"SET TimeZone = '{self.parameters.get('TIMEZONE')}'")

    def name_of(self, table: exp.Table) -> str:
        parts = [table.args.get("catalog"), table.args.get("db"), table.this]
        names = [p.name if p.args.get("quoted") else p.name.upper() for p in parts if isinstance(p, exp.Identifier)]
        return ".".join([*[self.conn.database or "", self.conn.schema or ""][: 3 - len(names)], *names])

    def columns_of(self, table: exp.Table) -> dict[str, str]:
        key = (self.account.ddl_version, self.name_of(table))
        if key not in self._columns:
            plain = exp.Table(
                **{part: table.args.get(part) and table.args[part].copy() for part in ("this", "db", "catalog")}
            )
            sql = self.cursor.translate(exp.select("*").from_(plain)).sql(dialect="duckdb")
            found = {row[0]: row[1] for row in self.duck.execute(f"DESCRIBE {sql}").fetchall()}
            self._columns = {key: found, **{k: v for k, v in self._columns.items() if k[0] == key[0]}}
        return self._columns[key]

    def check_stopped(self) -> None:
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self.stopped = "timeout"
        if self.stopped == "timeout":
            seconds = self.parameters.get("STATEMENT_TIMEOUT_IN_SECONDS")
            told = f"Statement reached its statement or warehouse timeout of {seconds} second(s) and was canceled."
            raise SqlError("000630", "57014", told)
        if self.stopped == "cancel":
            raise SqlError("000604", "57014", "SQL execution canceled")

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check_stopped()
            time.sleep(min(left, 0.02))

    def stop(self, why: str) -> None:
        self.stopped = why
        if self.running:
            self.duck.interrupt()

    def note(self, query_id: str) -> Run:
        run = Run(query_id, time.time())
        self.history.append(run)
        return run

    # Transactions.

    def begin(self, explicit: bool, name: str | None = None) -> None:
        if self.transaction is None:
            self.aborted = False
            number = str(time.time_ns() // 1_000_000) + f"{random.randrange(1_000_000):06d}"
            self.transaction = Transaction(number, name or str(uuid.uuid4()), time.time(), explicit)

    def commit(self) -> None:
        self._refuse_aborted()
        transaction, self.transaction = self.transaction, None
        if transaction is None:
            return
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    if transaction.snapshot is not None:
                        self.duck.execute("COMMIT")
                    break
                except duckdb.TransactionException:
                    self._repeat(transaction)
            self.account.committed(transaction.tables, self.id)
        except BaseException:
            self._rollback_duck()
            raise
        finally:
            self.account.locks.release(self)

    def rollback(self) -> None:
        self.aborted = False
        transaction, self.transaction = self.transaction, None
        try:
            if transaction is not None and transaction.snapshot is not None:
                self._rollback_duck()
        finally:
            self.account.locks.release(self)

    def release_if_idle(self, idle_seconds: float) -> bool:
        if time.monotonic() - self.last_used < idle_seconds or not self.mutex.acquire(blocking=False):
            return False
        try:
            if self.running or time.monotonic() - self.last_used < idle_seconds:
                return False
            self.abort_transaction()
            return True
        finally:
            self.mutex.release()

    def abort_transaction(self) -> None:
        """Rolled back from outside: by another session's wait, or by SYSTEM$ABORT_TRANSACTION."""
        had = self.transaction is not None
        self.rollback()
        self.aborted = had

    def _refuse_aborted(self) -> None:
        # What Snowflake says to a session whose transaction was taken away is not documented; both are offered.
        if self.aborted and self.account.settings.after_forced_rollback == "error":
            raise SqlError("000664", "25000", "The transaction was aborted; roll it back and begin again.")

    def _rollback_duck(self) -> None:
        try:
            self.duck.execute("ROLLBACK")
        except duckdb.TransactionException:
            pass

    def _begin_duck(self, transaction: Transaction) -> None:
        transaction.snapshot = self.account.now
        self.duck.execute("BEGIN")
        self.duck.execute("SELECT 1").fetchall()

    def _repeat(self, transaction: Transaction) -> None:
        self._rollback_duck()
        self._begin_duck(transaction)
        for step in transaction.journal:
            step()

    # Statements.

    def query(self, tables: set[str], step: Callable[[], object]) -> object:
        """Runs a SELECT, in the transaction if one is open."""
        self._refuse_aborted()
        transaction = self.transaction
        if transaction is None:
            return step()
        self._freshen(transaction, tables)
        try:
            return step()
        except Exception:
            self._repeat(transaction)
            raise

    def change(
        self,
        statement: exp.Expression,
        written: set[str],
        read: set[str],
        locked: set[str],
        step: Callable[[], dml.Counts],
    ) -> dml.Counts:
        """Runs a DML statement, in the open transaction or in one of its own."""
        self._refuse_aborted()
        own = self.transaction is None
        if own:
            self.begin(explicit=False)
        alone = own and bool(self.parameters.get("AUTOCOMMIT"))
        transaction = self.transaction
        try:
            for table in sorted(locked):
                settings = self.account.settings
                wait = float(self.parameters.get("LOCK_TIMEOUT"))
                self.account.locks.acquire(self, table, wait, settings.idle_transaction_seconds, self.check_stopped)
            counts = self._attempt(transaction, statement, read | locked, step)
            transaction.journal.append(step)
            transaction.tables |= written
        except BaseException:
            if alone:
                self.rollback()
            raise
        if alone:
            self.commit()
        return counts

    def _attempt(
        self, transaction: Transaction, statement: exp.Expression, seen: set[str], step: Callable[[], dml.Counts]
    ) -> dml.Counts:
        self._freshen(transaction, seen)
        for attempt in range(_ATTEMPTS):
            try:
                return step()
            except Exception as error:
                mapped = dml.mapped(error, statement)
                self._repeat(transaction)
                self.check_stopped()
                if not isinstance(mapped, Conflict):
                    raise mapped from error
                time.sleep(0.002 * attempt)
        raise SqlError("000603", "XX000", "SQL execution internal error: the test double found no way past a conflict")

    def _freshen(self, transaction: Transaction, tables: set[str]) -> None:
        if transaction.snapshot is None:
            self._begin_duck(transaction)
        elif self.account.changed_since(tables, transaction.snapshot, self.id):
            self._repeat(transaction)

    def close(self) -> None:
        self.stop("cancel")
        with self.mutex:
            self.rollback()
            self.conn.close()

    # The catalog.

    def views(self) -> set[str]:
        version = self.account.ddl_version
        if self._views[0] != version:
            rows = self.duck.execute(
                "SELECT database_name, schema_name, view_name FROM duckdb_views() WHERE NOT internal"
            )
            self._views = (version, {".".join(row) for row in rows.fetchall()})
        return self._views[1]

    def exact_name(self, name: str) -> str | None:
        """The name if a table or view is called so; None where only the case differs."""
        database, schema, table = name.split(".")
        sql = """SELECT table_name FROM information_schema.tables
          WHERE upper(table_catalog) = upper($1) AND upper(table_schema) = upper($2) AND upper(table_name) = upper($3)"""
        found = [row[0] for row in self.duck.execute(sql, {"1": database, "2": schema, "3": table}).fetchall()]
        return name if table in found or not found else None

    def transaction_id(self) -> str | None:
        return self.transaction.id if self.transaction else None
