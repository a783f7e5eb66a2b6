"""INSERT, multi-table INSERT, UPDATE, DELETE and MERGE, run on DuckDB with Snowflake's counts and checks of types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from binds import used_by
from errors import compilation, translate

if TYPE_CHECKING:
    from plans import Plan
    from session import Session

INSERT, UPDATE, DELETE, MERGE, MULTI_INSERT = 0x3100, 0x3200, 0x3300, 0x3400, 0x3500
_SOURCE = "_SF_SOURCE"


@dataclass
class Counts:
    """What a DML statement answers: one row of counts, each with its column's name."""

    type_id: int
    columns: list[tuple[str, int]]
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        self.rows = sum(count for _, count in self.columns)


class Texts:
    """The DuckDB texts of a statement's parts: those of its plan, and translated where it has none yet."""

    def __init__(self, session: Session, known: list[str]):
        self._session = session
        self._known = known
        self._next = 0

    def of(self, part: exp.Expression) -> str:
        if self._next == len(self._known):
            self._known.append(self._session.cursor.translate(part).sql(dialect="duckdb"))
        self._next += 1
        return self._known[self._next - 1]


def run(session: Session, plan: Plan, rows: list[dict[str, object]], is_array: bool) -> Counts:
    session.texts = Texts(session, plan.texts)
    statement = plan.prepared.copy()
    if isinstance(statement, exp.MultitableInserts):
        return _multi_insert(session, statement, rows[0])
    if isinstance(statement, exp.Merge):
        return _merge(session, statement, rows[0])
    if isinstance(statement, exp.Insert):
        return _insert(session, statement, rows, is_array)
    count = _count(session, statement, rows[0])
    if isinstance(statement, exp.Update):
        columns = [("number of rows updated", count), ("number of multi-joined rows updated", 0)]
        counts = Counts(UPDATE, columns)
        counts.rows = count
        return counts
    if isinstance(statement, exp.Delete):
        return Counts(DELETE, [("number of rows deleted", count)])
    return Counts(DELETE, [("status", 0)])


def _sql(session: Session, statement: exp.Expression) -> str:
    return session.texts.of(statement)


def _count(session: Session, statement: exp.Expression, values: dict[str, object]) -> int:
    found = session.duck.execute(_sql(session, statement), used_by(statement, values)).fetchone()
    return int(found[0]) if found else 0


def _insert(session: Session, statement: exp.Insert, rows: list[dict[str, object]], is_array: bool) -> Counts:
    query = statement.expression
    if is_array:
        if not isinstance(query, exp.Values):
            told = "error line 1 at position 0\nBind variable ? not set."
            raise compilation("002049", "42601", told)
        session.duck.executemany(_sql(session, statement), [used_by(statement, row) for row in rows])
        return Counts(INSERT, [("number of rows inserted", len(rows) * len(query.expressions))])
    if statement.args.get("overwrite"):
        target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
        session.duck.execute(_sql(session, exp.delete(target.copy())))
        statement = statement.copy()
        statement.set("overwrite", False)
    if isinstance(query, (exp.Select, exp.SetOperation)):
        described = session.duck.execute(f"DESCRIBE {_sql(session, query)}", used_by(query, rows[0])).fetchall()
        check_types(session, statement.this, [row[1] for row in described])
    elif isinstance(query, exp.Values):
        sql = f"DESCRIBE SELECT * FROM ({_sql(session, query)}) AS t"
        if not any(isinstance(cell, exp.Var) for cell in query.walk()):
            described = session.duck.execute(sql, used_by(query, rows[0])).fetchall()
            check_types(session, statement.this, [row[1] for row in described])
    return Counts(INSERT, [("number of rows inserted", _count(session, statement, rows[0]))])


def _target(into: exp.Expression) -> tuple[exp.Table, list[str]]:
    if isinstance(into, exp.Schema):
        return into.this, [
            column.name if column.args.get("quoted") else column.name.upper() for column in into.expressions
        ]
    return into, []


def check_types(session: Session, into: exp.Expression, types: list[str]) -> None:
    """Raises 002023 where Snowflake wants a cast, as between VARIANT and text, or zoned and unzoned timestamps."""
    table, names = _target(into)
    columns = session.columns_of(table)
    names = names or list(columns)
    for name, found in zip(names, types):
        wanted = columns.get(name)
        if wanted is not None and _needs_cast(found, wanted):
            told = (
                f"Expression type does not match column data type, expecting {_named(wanted)} but got {_named(found)}"
            )
            raise compilation("002023", "22000", f"{told} for column {name}")


def _needs_cast(found: str, wanted: str) -> bool:
    if found in (wanted, '"NULL"'):
        return False
    if wanted == "JSON":
        return found == "VARCHAR"
    if found == "JSON":
        return True
    if wanted in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE"):
        return found not in ("VARCHAR", "DATE", "STRING_LITERAL") and not (wanted == "DATE" and found == "TIMESTAMP")
    return False


def _named(duck_type: str) -> str:
    named = {"JSON": "VARIANT", "TIMESTAMP": "TIMESTAMP_NTZ(9)", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ(9)"}
    named |= {"BIGINT": "NUMBER(38,0)", "INTEGER": "NUMBER(38,0)", "DOUBLE": "FLOAT", "VARCHAR": "VARCHAR(16777216)"}
    return named.get(duck_type, duck_type)


def _materialize(session: Session, query: exp.Expression, values: dict[str, object]) -> dict[str, str]:
    """Runs the source of a statement once, into a temporary table; returns its columns and their types."""
    sql = f"CREATE OR REPLACE TEMPORARY TABLE {_SOURCE} AS {_sql(session, query)}"
    session.duck.execute(sql, used_by(query, values))
    return {row[0]: row[1] for row in session.duck.execute(f"DESCRIBE {_SOURCE}").fetchall()}


def _multi_insert(session: Session, statement: exp.MultitableInserts, values: dict[str, object]) -> Counts:
    types = _materialize(session, statement.args["source"], values)
    first = str(statement.args.get("kind")).upper() == "FIRST"
    seen: list[exp.Expression] = []
    condition: exp.Expression | None = None
    columns = []
    for clause in statement.expressions:
        if clause.args.get("else_"):
            condition = exp.not_(exp.or_(*seen)) if seen else exp.true()
        elif own := clause.args.get("expression"):
            truth = exp.Coalesce(this=exp.Paren(this=own.copy()), expressions=[exp.false()])
            condition = exp.and_(truth, exp.not_(exp.or_(*seen))) if first and seen else truth
            seen.append(truth)
        insert = _into(clause.this, condition, list(types))
        into, query = insert.this, insert.expression
        described = session.duck.execute(f"DESCRIBE {_sql(session, query)}").fetchall()
        check_types(session, into, [row[1] for row in described])
        columns.append((f"number of rows inserted into {_target(into)[0].name.upper()}", _count(session, insert, {})))
    session.duck.execute(f"DROP TABLE {_SOURCE}")
    return Counts(MULTI_INSERT, columns)


def _into(clause: exp.Insert, condition: exp.Expression | None, source: list[str]) -> exp.Insert:
    into, values = clause.this.copy(), clause.expression
    if isinstance(values, exp.Values):
        cells = values.expressions[0].expressions
    else:
        cells = [exp.column(name, quoted=True) for name in source]
    if isinstance(into, exp.Schema) and any(isinstance(cell, exp.Var) for cell in cells):
        pairs = [(n, c) for n, c in zip(into.expressions, cells) if not isinstance(c, exp.Var)]
        into.set("expressions", [name for name, _ in pairs])
        cells = [cell for _, cell in pairs]
    query = exp.select(*[cell.copy() for cell in cells]).from_(exp.to_table(_SOURCE))
    if condition is not None:
        query = query.where(condition.copy())
    return exp.Insert(this=into, expression=query)


def _merge(session: Session, statement: exp.Merge, values: dict[str, object]) -> Counts:
    statement = statement.copy()
    using = statement.args["using"]
    alias = using.alias_or_name
    types: dict[str, str] = {}
    if isinstance(using, exp.Subquery):
        types = _materialize(session, using.this, values)
        statement.set("using", exp.to_table(_SOURCE, alias=exp.to_identifier(alias)))
    inserts = updates = deletes = False
    for when in statement.args["whens"].expressions:
        then = when.args["then"]
        if isinstance(then, exp.Insert):
            inserts = True
            pairs = _insert_pairs(then)
        elif isinstance(then, exp.Update):
            updates = True
            pairs = [(item.this, item.expression) for item in then.expressions]
        else:
            deletes, pairs = True, []
        for column, cell in pairs:
            column.set("table", None) if isinstance(column, exp.Column) else None
            _check_cell(session, statement.this, column, cell, alias, types)
    found = session.duck.execute(
        f"{_sql(session, statement)} RETURNING merge_action", used_by(statement, values)
    ).fetchall()
    actions = [row[0] for row in found]
    if types:
        session.duck.execute(f"DROP TABLE {_SOURCE}")
    columns = [("inserted", "INSERT", inserts), ("updated", "UPDATE", updates), ("deleted", "DELETE", deletes)]
    return Counts(MERGE, [(f"number of rows {name}", actions.count(action)) for name, action, has in columns if has])


def _insert_pairs(then: exp.Insert) -> list[tuple[exp.Expression, exp.Expression]]:
    if not isinstance(then.this, exp.Tuple) or not isinstance(then.expression, exp.Tuple):
        return []
    return list(zip(then.this.expressions, then.expression.expressions))


def _check_cell(
    session: Session, table: exp.Table, column: exp.Expression, cell: exp.Expression, alias: str, types: dict[str, str]
) -> None:
    if isinstance(cell, exp.Column) and cell.table.upper() == alias.upper() and cell.name.upper() in types:
        into = exp.Schema(this=table.copy(), expressions=[exp.to_identifier(column.name)])
        check_types(session, into, [types[cell.name.upper()]])


def mapped(error: Exception, statement: exp.Expression) -> Exception:
    from_variant = any(isinstance(cast.this, exp.JSONExtract) for cast in statement.find_all(exp.Cast))
    return translate(error, from_variant)
