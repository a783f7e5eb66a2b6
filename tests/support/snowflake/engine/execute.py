"""One request: checks it, sends each kind of statement where it belongs, and makes the answer that a driver reads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from sqlglot import exp

import commands
import dialect
import dml
import names
import refusals
import results
from binds import number_marks, placeholders, rows_of, used_by
from errors import SqlError, not_in_double, translate
from plans import Plan

if TYPE_CHECKING:
    from session import Session

_DML = (exp.Insert, exp.MultitableInserts, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)
_DDL = (exp.Create, exp.Drop, exp.Alter, exp.Comment)
_SELECT, _DESCRIBE = 0x1000, 0x4500
_LOCKING = (exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)


def execute(session: Session, request: dict, query_id: str, delay_seconds: float) -> dict:
    """The body of the answer; errors too are answers."""
    with session.mutex:
        session.last_used = time.monotonic()
        session.label, session.stopped, session.running = query_id, None, True
        run = session.note(query_id)
        seconds = int(str(session.parameters.get("STATEMENT_TIMEOUT_IN_SECONDS")))
        session.deadline = time.monotonic() + seconds if seconds else None
        timer = threading.Timer(seconds, session.stop, ["timeout"]) if 0 < seconds < 3600 else None
        if timer:
            timer.start()
        try:
            session.sleep(delay_seconds)
            return {
                "data": _run(session, request) | _place(session, query_id),
                "success": True,
                "code": None,
                "message": None,
            }
        except Exception as error:
            return _failure(session, error, query_id)
        finally:
            session.running = False
            run.ended = time.time()
            session.last_used = time.monotonic()
            if timer:
                timer.cancel()


def _failure(session: Session, error: Exception, query_id: str) -> dict:
    told = translate(error)
    try:
        session.check_stopped()
    except SqlError as stopped:
        told = stopped
    if not isinstance(told, SqlError):
        told = SqlError("000603", "XX000", f"SQL execution internal error: {told}")
    data = {"internalError": False, "errorCode": told.code, "age": 0, "sqlState": told.state, "queryId": query_id}
    data |= {"line": -1, "pos": -1, "type": "COMPILATION" if told.code.startswith("00") else "EXECUTION"}
    return {"data": data, "success": False, "code": told.code, "message": told.message, "headers": None}


def _place(session: Session, query_id: str) -> dict:
    return {
        "queryId": query_id,
        "parameters": [
            {"name": "TIMEZONE", "value": session.parameters.get("TIMEZONE")},
            {"name": "AUTOCOMMIT", "value": session.parameters.get("AUTOCOMMIT")},
        ],
        "finalDatabaseName": session.conn.database if session.conn.database_set else None,
        "finalSchemaName": session.conn.schema if session.conn.schema_set else None,
        "finalWarehouseName": session.warehouse,
        "finalRoleName": session.role,
        "numberOfBinds": 0,
        "arrayBindSupported": False,
        "version": 1,
        "queryResultFormat": "json",
    }


def _run(session: Session, request: dict) -> dict:
    text = request.get("sqlText") or ""
    settings = session.account.settings
    if len(text.encode()) > settings.max_statement_bytes:
        # Documented as the limit; the code of the refusal is not.
        told = f"SQL compilation error:\nstatement text is longer than {settings.max_statement_bytes} bytes"
        raise SqlError("000602", "54000", told)
    if request.get("bindStage"):
        raise not_in_double("binds through a stage")
    rows, is_array = rows_of(request.get("bindings"), settings.max_lob_bytes)
    if (table := commands.run_text(session, text)) is not None:
        return _table(table)
    text = commands.with_history(session, text)
    key = _plan_key(session, text)
    if plan := session.account.plans.get((*key, session.account.ddl_version)):
        return _perform(session, plan, rows, is_array)
    statement = placeholders(_one(dialect.parse(number_marks(text)), session, request))
    refusals.check(statement, session.account.duck_functions)
    if request.get("describeOnly"):
        return _describe(session, statement)
    if is_array and not isinstance(statement, exp.Insert):
        raise SqlError("002049", "42601", "SQL compilation error: error line 1 at position 0\nBind variable ? not set.")
    return _dispatch(session, statement, rows, is_array, key)


def _plan_key(session: Session, text: str) -> tuple:
    """All that a statement's plan depends on but the tables: what functions such as CURRENT_ROLE() answer."""
    own = session.id if "CURRENT_SESSION" in text.upper() else ""
    place = (session.conn.database, session.conn.database_set, session.conn.schema, session.conn.schema_set)
    return (text, own, session.user, session.role, session.warehouse, *place)


def _one(statements: list[exp.Expression], session: Session, request: dict) -> exp.Expression:
    if not statements:
        raise SqlError("000900", "42601", "SQL compilation error:\nEmpty SQL statement.")
    wanted = (request.get("parameters") or {}).get(
        "MULTI_STATEMENT_COUNT", session.parameters.get("MULTI_STATEMENT_COUNT")
    )
    if len(statements) > 1:
        if int(wanted) in (0, len(statements)):
            raise not_in_double("several statements in one request")
        told = f"Actual statement count {len(statements)} did not match the desired statement count {wanted}."
        raise SqlError("000008", "0A000", told)
    return statements[0]


def _dispatch(session: Session, statement: exp.Expression, rows: list[dict], is_array: bool, key: tuple) -> dict:
    if isinstance(statement, exp.Use):
        return _table(commands.run_use(session, statement))
    if isinstance(statement, exp.Alter) and str(statement.args.get("kind")).upper() == "SESSION":
        return _table(commands.run_alter_session(session, statement))
    if isinstance(statement, _DDL):
        return _define(session, statement)
    if isinstance(statement, exp.Command):
        raise not_in_double(statement.sql(dialect="snowflake")[:200])
    statement = commands.answer_functions(session, dialect.name_columns(statement))
    plan = Plan(statement, dialect.prepare(commands.bind_moments(statement)))
    result = _perform(session, plan, rows, is_array)
    session.account.plans.keep((*key, session.account.ddl_version), plan)
    return result


def _perform(session: Session, plan: Plan, rows: list[dict], is_array: bool) -> dict:
    try:
        return _allowed(session, plan, rows, is_array)
    except Exception as error:
        raise names.in_view(session, plan.statement, translate(error)) from error


def _allowed(session: Session, plan: Plan, rows: list[dict], is_array: bool) -> dict:
    """The same, once it is checked who may."""
    statement = plan.statement
    read = names.tables_read(statement)
    if session.warehouse is None and (
        isinstance(statement, _DML) or any(t.db.upper() != "INFORMATION_SCHEMA" for t in read)
    ):
        if not isinstance(statement, (exp.Describe, exp.Show)):
            told = "No active warehouse selected in the current session.  "
            told += "Select an active warehouse with the 'use warehouse' command."
            raise SqlError("000606", "57P03", told)
    session.cursor.check_db_and_schema(statement)
    if session.account.has_quoted_names or names.has_mixed_case(statement):
        names.check_case(session, statement)
    names.check_read(session, read)
    moments = commands.moments(session)
    if isinstance(statement, _DML):
        return _change(session, plan, [row | moments for row in rows], is_array)
    return _query(session, plan, rows[0] | moments)


def _change(session: Session, plan: Plan, rows: list[dict], is_array: bool) -> dict:
    statement = plan.statement
    names.check_write(session, statement)
    written = names.qualified(session, names.target_of(statement))
    read = names.qualified(session, names.tables_read(statement))
    if "*" in written:
        raise translate_view()
    locking = isinstance(statement, _LOCKING) or bool(statement.args.get("overwrite"))
    counts = session.change(
        statement,
        written,
        read,
        written if locking else set(),
        lambda: dml.run(session, plan, rows, is_array),
    )
    if isinstance(statement, exp.TruncateTable):
        return _table(commands.done(counts.type_id))
    return _rowset(
        counts.type_id,
        [results.column(name, "fixed", 19, 0) for name, _ in counts.columns],
        [[str(count) for _, count in counts.columns]],
    ) | {"stats": {"numRowsAffected": counts.rows}}


def translate_view() -> SqlError:
    told = "SQL compilation error:\nObject found is of type 'VIEW', not specified type 'TABLE'."
    return SqlError("002203", "02000", told)


def _define(session: Session, statement: exp.Expression) -> dict:
    """DDL commits what is open and is a transaction of its own."""
    session.commit()
    names.check_define(session, statement)
    refusals.strip_unenforced(statement)
    kind = str(statement.args.get("kind") or "").upper()
    if names.has_mixed_case(statement):
        session.account.has_quoted_names = True
    if kind == "DATABASE" and isinstance(statement, exp.Create):
        name = statement.this.name.upper()
        session.account.create_database(name)
        commands.use_schema(session, name, "PUBLIC")
        return _table(commands.done(commands.DDL, f"Database {name} successfully created."))
    prepared = dialect.prepare(commands.answer_functions(session, statement))
    session.cursor.run(prepared, None)
    session.account.altered(session.id)
    if kind in ("DATABASE", "SCHEMA") and isinstance(statement, exp.Drop):
        session.conn.schema_set = bool(session.conn.schema)
    fetched = _fetched(session, commands.DDL)
    told = fetched["rowset"][0][0] if fetched["rowtype"][0]["name"] == "status" and fetched["rowset"] else None
    return _table(commands.done(commands.DDL, told or commands.done(commands.DDL).rows[0][0]))


def _query(session: Session, plan: Plan, values: dict) -> dict:
    statement = plan.statement
    used = used_by(plan.prepared, values)
    tables = names.qualified(session, names.tables_read(statement))
    if isinstance(statement, (exp.Describe, exp.Show)):
        tables = {"*"}
    try:
        session.query(tables, lambda: session.cursor.run(plan.prepared, used, plan.translated))
    except Exception as error:
        raise dml.mapped(error, statement) from error
    kinds = {exp.Show: commands.SHOW, exp.Describe: _DESCRIBE}
    return _fetched(session, kinds.get(type(statement), _SELECT))


def _describe(session: Session, statement: exp.Expression) -> dict:
    if not isinstance(statement, (exp.Select, exp.SetOperation)):
        raise not_in_double("describing anything but a query")
    empty = statement.transform(lambda node: exp.Null() if isinstance(node, exp.Placeholder) else node)
    session.cursor.run(dialect.prepare(exp.select("*").from_(empty.subquery("t")).limit(0)), None)
    return _fetched(session, _SELECT)


def _fetched(session: Session, type_id: int) -> dict:
    # DuckDB's description is that of the last statement; fakesnow's table is the answer, so ask before anything else.
    columns = results.row_type(session.cursor.description_now())
    return _rowset(type_id, columns, results.rows(session.cursor.table()))


def _table(table: commands.Table) -> dict:
    return _rowset(table.type_id, [results.column(name, "text", None, None) for name in table.columns], table.rows)


def _rowset(type_id: int, columns: list[dict], rows: list[list[str | None]]) -> dict:
    return {"statementTypeId": type_id, "rowtype": columns, "rowset": rows, "total": len(rows), "returned": len(rows)}
