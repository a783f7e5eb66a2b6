"""What all sessions share: DuckDB, locks, which table was committed when, and who may do what."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field

import fakesnow.instance as instance

import dialect
from locks import Locks
from plans import Plans

dialect.patch()


@dataclass
class Settings:
    """Sent by the test; every field has a default that is Snowflake's own."""

    databases: list[str] = field(default_factory=lambda: ["FRESHET"])
    warehouses: list[str] = field(default_factory=lambda: ["FRESHET_WH"])
    roles: list[str] = field(default_factory=lambda: ["PUBLIC"])
    # Entries {"role", "privilege", "on"}: what a role may not do although the rest is allowed.
    denied: list[dict[str, str]] = field(default_factory=list)
    max_lob_bytes: int = 16 * 1024 * 1024
    max_statement_bytes: int = 1024 * 1024
    # A transaction idle for so long is rolled back when another one waits for its lock.
    idle_transaction_seconds: float = 300
    # What a session meets whose transaction was rolled back from outside: "silent" or "error".
    after_forced_rollback: str = "silent"


class Account:
    def __init__(self, settings: Settings):
        self.settings = settings
        self.locks = Locks()
        self.plans = Plans()
        self.fakesnow = instance.FakeSnow(create_database_on_connect=False, create_schema_on_connect=False)
        self.fakesnow.duck_conn.execute("SET memory_limit = '4GB'")
        dialect.register_functions(self.fakesnow.duck_conn, settings.max_lob_bytes)
        self.sessions: dict[str, object] = {}
        self.has_quoted_names = False
        self._version = itertools.count(1)
        self._commits: dict[str, tuple[int, str]] = {}
        self._mutex = threading.Lock()
        self.now = 0
        self.ddl_version = 0
        rows = self.fakesnow.duck_conn.execute("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
        self.duck_functions = {row[0].lower() for row in rows}
        for name in settings.databases:
            self.create_database(name)

    def create_database(self, name: str) -> None:
        connection = self.fakesnow.connect()
        connection.cursor().execute(f'CREATE DATABASE IF NOT EXISTS "{name}"')
        connection.cursor().execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"."PUBLIC"')
        connection.close()

    def committed(self, tables: set[str], session: str) -> None:
        with self._mutex:
            self.now = next(self._version)
            for table in tables:
                self._commits[table] = (self.now, session)

    def altered(self, session: str) -> None:
        """A DDL statement ran: every snapshot is out of date."""
        self.ddl_version += 1
        self.committed({"*"}, session)

    def changed_since(self, tables: set[str], version: int, session: str) -> bool:
        """Whether another session committed to one of the tables (all of them: `*`) after the version."""
        with self._mutex:
            for table, (when, who) in self._commits.items():
                if when > version and who != session and (table == "*" or "*" in tables or table in tables):
                    return True
        return False

    def denies(self, role: str, privilege: str, database: str | None, name: str) -> bool:
        for rule in self.settings.denied:
            on = rule.get("on", "*").upper()
            if rule["role"].upper() == role and rule["privilege"].upper() in (privilege, "ALL"):
                if on in ("*", name.upper(), (database or "").upper()):
                    return True
        return False
