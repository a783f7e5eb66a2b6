"""Statements that are not about rows: transactions, USE, ALTER SESSION, SHOW of the double's own state, account objects."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from errors import SqlError, cannot_be_performed, not_in_double, syntax

if TYPE_CHECKING:
    from session import Session

USE, SHOW, TCL, DDL, SCL = 0x4300, 0x4400, 0x5000, 0x6000, 0x4000
_DONE = "Statement executed successfully."
_ADMINS = {"ACCOUNTADMIN", "SECURITYADMIN", "USERADMIN", "SYSADMIN"}


@dataclass
class Table:
    """A result that DuckDB did not make: names of columns and rows of text."""

    type_id: int
    columns: list[str]
    rows: list[list[str | None]]


def done(type_id: int, message: str = _DONE) -> Table:
    return Table(type_id, ["status"], [[message]])


_ACCOUNT_OBJECT = re.compile(
    r"\s*(CREATE(?:\s+OR\s+REPLACE)?|DROP|ALTER)\s+(ROLE|WAREHOUSE|USER|RESOURCE\s+MONITOR|ACCOUNT|NETWORK\s+POLICY)\s+"
    r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?\"?([\w$]+)",
    re.I,
)


_LEADING_COMMENTS = re.compile(r"\A(\s+|--[^\n]*\n|//[^\n]*\n|/\*.*?\*/)+", re.S)


def run_text(session: Session, text: str) -> Table | None:
    """Handles a statement by its text, or leaves it (None) to the parser."""
    words = re.sub(r"\s+", " ", _LEADING_COMMENTS.sub("", text).strip().rstrip(";")).strip()
    upper = words.upper()
    if found := re.fullmatch(r"(?:BEGIN(?: WORK| TRANSACTION)?|START TRANSACTION)(?: NAME ([\w$]+))?", upper):
        # In an open transaction BEGIN is ignored.
        session.begin(explicit=True, name=found[1])
        return done(TCL)
    if upper in ("COMMIT", "COMMIT WORK"):
        session.commit()
        return done(TCL)
    if upper in ("ROLLBACK", "ROLLBACK WORK"):
        session.rollback()
        return done(TCL)
    if upper.startswith("SHOW "):
        return _show(session, words)
    if re.match(r"(GRANT|REVOKE) ", upper):
        _account_change(session)
        return done(DDL)
    if re.fullmatch(r"ALTER TABLE [\w$.\"]+ SET CHANGE_TRACKING = (TRUE|FALSE)", upper):
        session.commit()
        return done(DDL)
    if found := _ACCOUNT_OBJECT.match(words):
        return _account_object(session, found[1].split()[0].upper(), found[2].upper(), found[3].upper())
    if found := re.fullmatch(r"SELECT SYSTEM\$ABORT_(TRANSACTION|SESSION)\('?(\w+)'?\)", upper):
        return _abort(session, found[1], found[2])
    return None


_HISTORY = re.compile(
    r"TABLE\s*\(\s*INFORMATION_SCHEMA\.QUERY_HISTORY_BY_SESSION\s*\(\s*SESSION_ID\s*=>\s*(\d+)\s*,\s*"
    r"RESULT_LIMIT\s*=>\s*\d+\s*\)\s*\)",
    re.I,
)


def with_history(session: Session, text: str) -> str:
    """The statement with the table function QUERY_HISTORY_BY_SESSION replaced by the rows that it returns."""
    return _HISTORY.sub(lambda found: _history(session.account.sessions.get(found[1]), found[1]), text)


def _history(of: Session | None, number: str) -> str:
    row = "SELECT {} AS SESSION_ID, '{}' AS QUERY_ID, '{}' AS EXECUTION_STATUS, {} AS START_TIME, {} AS END_TIME{}"
    empty = "NULL::TIMESTAMP_LTZ"
    rows = [row.format(number, "", "", empty, empty, " WHERE FALSE")]
    for run in list(of.history) if of else []:
        status = "RUNNING" if run.ended is None else "SUCCESS"
        rows.append(row.format(number, run.query_id, status, _moment(run.started), _moment(run.ended), ""))
    return f"({' UNION ALL '.join(rows)})"


def _moment(epoch: float | None) -> str:
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(epoch or 0))
    return f"'{text}.{int((epoch or 0) % 1 * 1000):03d}Z'::TIMESTAMP_LTZ"


def _show(session: Session, words: str) -> Table | None:
    if found := re.match(r"SHOW PARAMETERS(?: LIKE '([^']*)')?", words, re.I):
        if re.search(r" IN (?!SESSION)", words, re.I):
            raise not_in_double(words)
        rows: list[list[str | None]] = [[*row, "", ""] for row in session.parameters.shown(found[1])]
        return Table(SHOW, ["key", "value", "default", "level", "description"], rows)
    if re.match(r"SHOW LOCKS", words, re.I):
        held = session.account.locks.held()
        rows = [
            [table, "PARTITIONS", owner.transaction_id(), None, status, None, None, owner.id]
            for table, owner, status in held
        ]
        columns = [
            "resource",
            "type",
            "transaction",
            "transaction_started_on",
            "status",
            "acquired_on",
            "query_id",
            "session",
        ]
        return Table(SHOW, columns, rows)
    if re.match(r"SHOW TRANSACTIONS", words, re.I):
        opened = [(s, s.transaction) for s in session.account.sessions.values() if s.transaction is not None]
        rows = [
            [t.id, s.user, s.id, t.name, time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(t.started)), "running", None]
            for s, t in opened
        ]
        return Table(SHOW, ["id", "user", "session", "name", "started_on", "state", "scope"], rows)
    for kind, names in [("WAREHOUSES", session.account.settings.warehouses), ("ROLES", session.account.settings.roles)]:
        if found := re.match(rf"SHOW {kind}(?: LIKE '([^']*)')?", words, re.I):
            like = re.compile((found[1] or "%").replace("%", ".*"), re.I)
            return Table(SHOW, ["name", "state"], [[name, "STARTED"] for name in sorted(names) if like.fullmatch(name)])
    return None


def _account_change(session: Session) -> None:
    if session.role not in _ADMINS:
        raise SqlError("003001", "42501", "SQL access control error:\nInsufficient privileges to operate on account")
    session.commit()


def _account_object(session: Session, verb: str, kind: str, name: str) -> Table:
    _account_change(session)
    settings = session.account.settings
    names = settings.roles if kind == "ROLE" else settings.warehouses if kind == "WAREHOUSE" else None
    if names is not None:
        if verb == "CREATE" and name not in names:
            names.append(name)
        elif verb == "DROP" and name in names:
            names.remove(name)
        elif verb == "ALTER" and name not in names:
            raise cannot_be_performed()
    return done(DDL)


def _abort(session: Session, kind: str, wanted: str) -> Table:
    for other in list(session.account.sessions.values()):
        if wanted == (other.id if kind == "SESSION" else other.transaction_id()):
            other.stop("cancel")
            with other.mutex:
                other.abort_transaction()
            return Table(0x1000, [f"SYSTEM$ABORT_{kind}({wanted})"], [[f"Aborted {kind.lower()} id: {wanted}"]])
    raise SqlError("090224", "02000", f"{kind.capitalize()} {wanted} not found.")


def run_use(session: Session, statement: exp.Use) -> Table:
    kind = statement.args.get("kind")
    if str(kind).upper() == "SECONDARY ROLES":
        return done(USE)  # the double's sessions have none: a role's rights are its own
    kind_name = kind.name.upper() if kind else "SCHEMA" if statement.this.args.get("db") else "DATABASE"
    target = statement.this
    name = target.name if target.this.args.get("quoted") else target.name.upper()
    settings = session.account.settings
    if kind_name == "WAREHOUSE":
        if name not in settings.warehouses or session.account.denies(session.role, "USAGE", None, name):
            raise cannot_be_performed()
        session.warehouse = name
    elif kind_name == "ROLE":
        if name not in settings.roles:
            told = f"Requested role '{name}' is not assigned to the executing user. Specify another role to activate."
            raise SqlError("003013", "42501", f"SQL access control error:\n{told}")
        session.role = name
    elif kind_name in ("DATABASE", "SCHEMA"):
        database = name if kind_name == "DATABASE" else target.db.upper() or session.conn.database or ""
        use_schema(session, database, "PUBLIC" if kind_name == "DATABASE" else name)
    else:
        raise syntax(f"syntax error line 1 at position 4 unexpected '{kind_name}'.")
    return done(USE)


def use_schema(session: Session, database: str, schema: str) -> None:
    sql = "SELECT 1 FROM information_schema.schemata WHERE catalog_name = $1 AND schema_name = $2"
    exists = session.duck.execute(sql, {"1": database, "2": schema}).fetchone()
    if not exists or session.account.denies(session.role, "USAGE", None, database):
        raise cannot_be_performed()
    session.duck.execute(f'SET schema = \'"{database}"."{schema}"\'')
    session.conn.database, session.conn._schema = database, schema
    session.conn.database_set = session.conn.schema_set = True


def run_alter_session(session: Session, statement: exp.Alter) -> Table:
    for action in statement.args["actions"]:
        for item in action.expressions:
            if action.args.get("unset"):
                session.parameters.unset(item.name)
                continue
            name, value = item.this.this.name.upper(), item.this.expression
            raw: object = value.this if isinstance(value, (exp.Boolean, exp.Literal)) else value.sql()
            before = session.parameters.get("AUTOCOMMIT")
            if isinstance(value, exp.Column):
                raw = value.name
            session.parameters.set(name, raw)
            if name == "AUTOCOMMIT" and before != session.parameters.get("AUTOCOMMIT"):
                session.commit()
            if name == "TIMEZONE":
                session.apply_time_zone()
    return done(SCL)


def moments(session: Session) -> dict[str, object]:
    """Values of what differs each time a statement runs, bound under these names. DuckDB's own time would be that of its
    transaction's begin."""
    now = datetime.now(UTC)
    return {"TRANSACTION": session.transaction_id(), "NOW": now, "SYSDATE": now.replace(tzinfo=None)}


def bind_moments(statement: exp.Expression) -> exp.Expression:
    def bound(node: exp.Expression) -> exp.Expression:
        name = node.name.upper() if isinstance(node, exp.Anonymous) else type(node).__name__.upper()
        if name in ("CURRENTTRANSACTION", "CURRENT_TRANSACTION"):
            return exp.Cast(this=exp.Placeholder(this="bTRANSACTION"), to=exp.DataType.build("VARCHAR"))
        if not isinstance(node, exp.CurrentTimestamp):
            return node
        name, kind = ("bSYSDATE", "TIMESTAMP_NTZ") if node.args.get("sysdate") else ("bNOW", "TIMESTAMP_LTZ")
        return exp.Cast(this=exp.Placeholder(this=name), to=exp.DataType.build(kind, dialect="snowflake"))

    return statement.transform(bound)


def answer_functions(session: Session, statement: exp.Expression) -> exp.Expression:
    """CURRENT_SESSION() and its like, as literals."""

    def value(node: exp.Expression) -> exp.Expression:
        name = node.name.upper() if isinstance(node, exp.Anonymous) else type(node).__name__.upper()
        values = {
            "CURRENTSESSION": session.id,
            "CURRENTWAREHOUSE": session.warehouse,
            "CURRENTROLE": session.role,
            "CURRENTUSER": session.user,
            "CURRENTDATABASE": session.conn.database if session.conn.database_set else None,
            "CURRENTSCHEMA": session.conn.schema if session.conn.schema_set else None,
            "CURRENTACCOUNT": "DOUBLE",
            "CURRENT_ACCOUNT": "DOUBLE",
        }
        if name not in values:
            return node
        text = values[name]
        return exp.Null() if text is None else exp.Literal.string(text)

    return statement.transform(value)
