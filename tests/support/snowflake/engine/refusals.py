"""What Snowflake refuses and DuckDB or fakesnow would take, found in the parsed statement before it runs."""

from __future__ import annotations

from sqlglot import exp

from binds import shown
from errors import SqlError, compilation, not_in_double, syntax

MAX_LIST = 16384

# Unquoted, these cannot name a column or a table (Snowflake's list of reserved keywords, the ANSI and Snowflake ones).
RESERVED = set(
    """ALL ALTER AND ANY AS BETWEEN BY CHECK COLUMN CONNECT CREATE CURRENT DELETE DISTINCT DROP ELSE EXISTS FOLLOWING FOR
    FROM GRANT GROUP HAVING ILIKE IN INCREMENT INSERT INTERSECT INTO IS LIKE MINUS NOT NULL OF ON OR ORDER QUALIFY REGEXP
    REVOKE RLIKE ROW ROWS SAMPLE SELECT SET SOME START TABLE TABLESAMPLE THEN TO TRIGGER UNION UNIQUE UPDATE VALUES
    WHENEVER WHERE WITH CONSTRAINT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER LOCALTIME LOCALTIMESTAMP""".split()
)

_CONSTANTS = (
    exp.Literal,
    exp.Placeholder,
    exp.Null,
    exp.Boolean,
    exp.Neg,
    exp.Cast,
    exp.DataType,
    exp.Paren,
    exp.Binary,
    exp.CurrentTimestamp,
    exp.CurrentDate,
    exp.DataTypeParam,
)

_FOREIGN_TYPES = {
    "JSON",
    "JSONB",
    "INT128",
    "UBIGINT",
    "UINT",
    "STRUCT",
    "LIST",
    "ENUM",
    "UUID",
    "INTERVAL",
    "UTINYINT",
}
_FOREIGN_TYPES |= {"TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "HUGEINT", "USMALLINT", "BLOB"}

# Functions of Snowflake that sqlglot parses as unknown ones: with the same name in DuckDB, they mean the same there.
_SHARED_FUNCTIONS = set(
    """IFF NVL NVL2 ZEROIFNULL EQUAL_NULL TO_CHAR TO_VARCHAR TO_NUMBER TO_DOUBLE TO_BOOLEAN TO_VARIANT TO_OBJECT TO_ARRAY
    TO_JSON CHECK_JSON OBJECT_KEYS GET GET_PATH TYPEOF ARRAY_CONTAINS MEDIAN RATIO_TO_REPORT TIME_SLICE SYSDATE MODE
    KURTOSIS SKEW HASH RANDOM SQUARE CBRT FACTORIAL LAST_DAY MONTHNAME DAYNAME CONTAINS STARTSWITH ENDSWITH CHR ASCII
    LEAST_IGNORE_NULLS GREATEST_IGNORE_NULLS PI SINH COSH TANH REPEAT REVERSE TRANSLATE""".split()
)


def check(statement: exp.Expression, duck_functions: set[str]) -> None:
    """Raises the SqlError of the first thing that Snowflake would not take."""
    if isinstance(statement, exp.MultitableInserts):
        _check_multi_insert(statement)
    for node in statement.walk():
        if isinstance(node, exp.Values):
            _check_values(node)
        elif isinstance(node, exp.In) and len(node.expressions) > MAX_LIST:
            raise _too_long(len(node.expressions))
        elif isinstance(node, (exp.OnConflict, exp.Returning)):
            raise syntax(f"syntax error line 1 at position 0 unexpected '{type(node).__name__}'.")
        elif isinstance(node, exp.DataType):
            _check_type(node)
        elif isinstance(node, exp.Anonymous):
            _check_function(node, duck_functions)
        elif isinstance(node, exp.Explode):
            _check_flatten(node)
        elif isinstance(node, exp.ParseJSON) and node.expression and node.expression.name.lower() not in ("d", "s"):
            raise compilation("001015", "22023", f"invalid value [{node.expression.sql()}] for parameter 'PARSE_JSON'")
        elif isinstance(node, exp.ColumnDef):
            _check_name(node.this)
        elif isinstance(node, (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)):
            if isinstance(node.this, exp.JSONExtract) or isinstance(node.expression, exp.JSONExtract):
                raise not_in_double("comparing a VARIANT without a cast; fakesnow compares its JSON text")


def _check_name(name: exp.Expression) -> None:
    if isinstance(name, exp.Identifier) and not name.quoted and name.this.upper() in RESERVED:
        raise syntax(f"syntax error line 1 at position 0 unexpected '{name.this}'.")


def _check_values(values: exp.Values) -> None:
    if len(values.expressions) > MAX_LIST:
        raise _too_long(len(values.expressions))
    in_multi_insert = values.find_ancestor(exp.MultitableInserts) is not None
    for row in values.expressions:
        for cell in row.expressions if isinstance(row, exp.Tuple) else [row]:
            if isinstance(cell, exp.Var) and cell.name.upper() == "DEFAULT":
                continue
            if in_multi_insert and isinstance(cell, exp.Column):
                continue
            if in_multi_insert and not isinstance(cell, exp.Null):
                raise _not_in_values(cell)
            if not all(isinstance(part, _CONSTANTS) for part in cell.walk()):
                raise _not_in_values(cell)


def _not_in_values(cell: exp.Expression) -> SqlError:
    return compilation("002014", "22000", f"Invalid expression [{shown(cell)}] in VALUES clause")


def _too_long(count: int) -> SqlError:
    told = f"maximum number of expressions in a list exceeded, expected at most {MAX_LIST:,}, got {count:,}"
    return compilation("001795", "42601", f"error line 1 at position 0\n{told}")


def _check_multi_insert(statement: exp.MultitableInserts) -> None:
    conditional = any(into.args.get("expression") for into in statement.expressions)
    if not conditional and str(statement.args.get("kind")).upper() == "FIRST":
        raise syntax("syntax error line 1 at position 7 unexpected 'FIRST'.")


def _check_type(type_: exp.DataType) -> None:
    name = type_.this.name if isinstance(type_.this, exp.DataType.Type) else str(type_.this)
    if name in _FOREIGN_TYPES:
        raise compilation("002040", "42601", f"Unsupported data type '{name}'.")
    if name == "TIMESTAMPTZ":
        raise not_in_double("TIMESTAMP_TZ; DuckDB has only what TIMESTAMP_LTZ is")


def _check_function(call: exp.Anonymous, duck_functions: set[str]) -> None:
    name = call.name.upper()
    if name.lower() in duck_functions and name not in _SHARED_FUNCTIONS:
        raise compilation("002140", "42601", f"Unknown function {name}")


def _check_flatten(flatten: exp.Explode) -> None:
    arguments = [flatten.this, *flatten.expressions]
    for argument in arguments:
        if isinstance(argument, exp.Kwarg) and argument.this.name.upper() != "INPUT":
            raise not_in_double(f"FLATTEN with {argument.this.name.upper()}; fakesnow ignores it")


def strip_unenforced(statement: exp.Expression) -> None:
    """Snowflake records PRIMARY KEY, UNIQUE and FOREIGN KEY and enforces none of them, but NOT NULL of a primary key."""
    schema = statement.this
    if not isinstance(statement, exp.Create) or not isinstance(schema, exp.Schema):
        return
    keys: set[str] = set()
    kept = []
    for part in schema.expressions:
        if isinstance(part, exp.PrimaryKey):
            keys |= {column.name.upper() for column in part.expressions}
        elif isinstance(part, exp.Constraint):
            for key in part.find_all(exp.PrimaryKey):
                keys |= {column.name.upper() for column in key.expressions}
        elif not isinstance(part, (exp.ForeignKey, exp.UniqueColumnConstraint)):
            kept.append(part)
    for column in [part for part in kept if isinstance(part, exp.ColumnDef)]:
        rest = [c for c in column.constraints if not isinstance(c.kind, (exp.UniqueColumnConstraint, exp.Reference))]
        primary = [c for c in rest if isinstance(c.kind, exp.PrimaryKeyColumnConstraint)]
        rest = [c for c in rest if c not in primary]
        not_null = any(isinstance(c.kind, exp.NotNullColumnConstraint) for c in rest)
        if (primary or column.name.upper() in keys) and not not_null:
            rest.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
        column.set("constraints", rest)
    schema.set("expressions", kept)
