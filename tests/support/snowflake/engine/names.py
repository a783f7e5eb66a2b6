"""Which tables a statement reads and writes, who may, and whether quoted names are written as they were created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from errors import SqlError, invalid_identifier, missing_object, view_not_expanded

if TYPE_CHECKING:
    from session import Session


def target_of(statement: exp.Expression) -> list[exp.Table]:
    """The tables that a DML or DDL statement changes."""
    if isinstance(statement, exp.MultitableInserts):
        return [table for clause in statement.expressions for table in target_of(clause.this)]
    if isinstance(statement, exp.TruncateTable):
        return [table for table in statement.expressions if isinstance(table, exp.Table)]
    if isinstance(statement, exp.Comment):
        return []
    target = statement.this
    if isinstance(target, exp.Schema):
        target = target.this
    return [target] if isinstance(target, exp.Table) else []


def tables_read(statement: exp.Expression) -> list[exp.Table]:
    hidden = {cte.alias.upper() for cte in statement.find_all(exp.CTE)}
    targets = {id(table) for table in target_of(statement)}
    return [
        table
        for table in statement.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier)
        and id(table) not in targets
        and not (not table.db and table.name.upper() in hidden)
    ]


def qualified(session: Session, tables: list[exp.Table]) -> set[str]:
    """Full names; `*`, for any table, in the place of a view."""
    views = session.views()
    return {"*" if (name := session.name_of(table)) in views else name for table in tables}


def in_view(session: Session, statement: exp.Expression, error: Exception) -> Exception:
    """The error, or where a table is missing that the statement does not name: that a view could not be expanded."""
    if not (isinstance(error, SqlError) and error.code == "002003"):
        return error
    tables = [*tables_read(statement), *target_of(statement)]
    if any(f"'{table.name.upper()}'" in error.message.upper() for table in tables):
        return error
    views = [table.name.upper() for table in tables if session.name_of(table) in session.views()]
    return view_not_expanded(views[0], error) if views else error


def check_read(session: Session, tables: list[exp.Table]) -> None:
    for table in tables:
        if session.account.denies(session.role, "SELECT", session.conn.database, table.name.upper()):
            raise missing_object(table.name.upper())


def check_write(session: Session, statement: exp.Expression) -> None:
    for privilege in _privileges(statement):
        for table in target_of(statement):
            if session.account.denies(session.role, privilege, session.conn.database, table.name.upper()):
                raise _insufficient("table", table.name.upper())


def check_define(session: Session, statement: exp.Expression) -> None:
    kind = str(statement.args.get("kind") or "TABLE").upper()
    denies = session.account.denies
    if isinstance(statement, exp.Create):
        name = session.conn.schema or ""
        if denies(session.role, f"CREATE {kind}", session.conn.database, name):
            raise _insufficient("schema", name)
        return
    for table in target_of(statement):
        if denies(session.role, "OWNERSHIP", session.conn.database, table.name.upper()):
            raise _insufficient(kind.lower(), table.name.upper())


def _insufficient(kind: str, name: str) -> SqlError:
    return SqlError(
        "003001", "42501", f"SQL access control error:\nInsufficient privileges to operate on {kind} '{name}'"
    )


def _privileges(statement: exp.Expression) -> list[str]:
    if isinstance(statement, (exp.Insert, exp.MultitableInserts)):
        return ["INSERT"]
    if isinstance(statement, exp.Merge):
        kinds = {exp.Insert: "INSERT", exp.Update: "UPDATE"}
        return [kinds.get(type(when.args["then"]), "DELETE") for when in statement.args["whens"].expressions]
    return {exp.Update: ["UPDATE"], exp.Delete: ["DELETE"]}.get(type(statement), ["TRUNCATE"])


def has_mixed_case(statement: exp.Expression) -> bool:
    return any(name.quoted and name.this != name.this.upper() for name in statement.find_all(exp.Identifier))


def check_case(session: Session, statement: exp.Expression) -> None:
    """DuckDB ignores case, Snowflake does not: an unquoted name means the one in capitals, a quoted one itself."""
    tables = [*tables_read(statement), *target_of(statement)]
    known: set[str] = set()
    for table in tables:
        name = session.name_of(table)
        found = session.exact_name(name)
        if found is None:
            raise missing_object(name.rsplit(".", 1)[-1])
        known |= set(session.columns_of(table))
    known |= {_meant(alias.args["alias"]) for alias in statement.find_all(exp.Alias) if alias.args.get("alias")}
    folded = {name.upper() for name in known}
    for column in statement.find_all(exp.Column):
        if isinstance(column.this, exp.Identifier):
            name = _meant(column.this)
            if name not in known and name.upper() in folded:
                raise invalid_identifier(f'"{name}"' if column.this.quoted else name)


def _meant(name: exp.Expression) -> str:
    return name.name if name.args.get("quoted") else name.name.upper()
