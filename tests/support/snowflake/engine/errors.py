"""Errors of DuckDB and fakesnow as Snowflake's SQL errors: a code of six digits, a SQL state and a message.

Codes come from Snowflake's documentation and from messages in public issue trackers. Where neither names one the
comment says "code not documented": a program must not tell such errors apart by code.
"""

from __future__ import annotations

import re

import duckdb
import snowflake.connector.errors
from sqlglot.errors import SqlglotError


class SqlError(Exception):
    """What Snowflake answers instead of a result."""

    def __init__(self, code: str, state: str, message: str):
        super().__init__(message)
        self.code = code
        self.state = state
        self.message = message


def compilation(code: str, state: str, message: str) -> SqlError:
    return SqlError(code, state, f"SQL compilation error:\n{message}")


def syntax(detail: str) -> SqlError:
    return compilation("001003", "42000", detail)


def missing_object(name: str, kind: str = "Object") -> SqlError:
    state = "42S02" if kind == "Object" else "02000"
    return compilation("002003", state, f"{kind} '{name}' does not exist or not authorized.")


def view_not_expanded(view: str, inner: SqlError) -> SqlError:
    """The state is not documented."""
    return compilation("002037", "42601", f"Failure during expansion of view '{view}': {inner.message}")


def cannot_be_performed() -> SqlError:
    return compilation("002043", "02000", "Object does not exist, or operation cannot be performed.")


def invalid_identifier(name: str) -> SqlError:
    return SqlError(
        "000904", "42000", f"SQL compilation error: error line 1 at position 0\ninvalid identifier '{name}'"
    )


def not_in_double(what: str) -> SqlError:
    """Snowflake can do it, this stand-in cannot: never mistake it for a refusal by Snowflake."""
    return SqlError("999999", "0A000", f"The test double cannot do this, Snowflake may: {what}")


class Conflict(Exception):
    """DuckDB's optimistic transactions collided; the session starts its transaction again."""


_RAISED = re.compile(r"SFERR\|(\d{6})\|(\w{5})\|(.*?)\|SFEND", re.S)


def raise_from_sql(code: str, state: str, message: str) -> Exception:
    """An error that a user-defined function of DuckDB may raise and `translate` understands."""
    return ValueError(f"SFERR|{code}|{state}|{message}|SFEND")


def translate(error: Exception, from_variant: bool = False) -> Exception:
    """The SqlError (or Conflict) that stands for any error of the layers below."""
    if isinstance(error, (SqlError, Conflict)):
        return error
    cause = error.__cause__
    if isinstance(cause, duckdb.Error):
        return translate(cause, from_variant)
    text = str(error)
    if raised := _RAISED.search(text):
        return SqlError(*raised.groups())
    if isinstance(error, duckdb.Error):
        return _from_duckdb(error, text, from_variant)
    if isinstance(error, SqlglotError):
        return syntax(_first_line(text))
    if isinstance(error, snowflake.connector.errors.Error):
        return _from_fakesnow(error)
    return not_in_double(f"{type(error).__name__}: {_first_line(text)}")


def _from_fakesnow(error: snowflake.connector.errors.Error) -> SqlError:
    message = str(error.msg or error)
    if error.errno == 9999:
        return not_in_double(message)
    if error.errno == 1003:
        return syntax(_first_line(message))
    return SqlError(f"{error.errno or 603:06d}", error.sqlstate or "XX000", message)


def _first_line(text: str) -> str:
    return text.replace("\x1b[4m", "").replace("\x1b[0m", "").split("\n")[0]


_IDENTIFIER_PATTERNS = [
    re.compile(r'Referenced column "([^"]+)" not found'),
    re.compile(r'does not have a column (?:named|with name) "([^"]+)"'),
    re.compile(r"Referenced update column (\S+) not found"),
    re.compile(r'Referenced table "([^"]+)" not found'),
    re.compile(r'column "([^"]+)" must appear'),
]


def _from_duckdb(error: duckdb.Error, text: str, from_variant: bool) -> Exception:
    line = _first_line(text)
    if isinstance(error, duckdb.InterruptException):
        return SqlError("000604", "57014", "SQL execution canceled")
    if isinstance(error, duckdb.TransactionException) or "Transaction conflict" in text or "Conflict on" in text:
        return Conflict(line)
    if isinstance(error, duckdb.ConstraintException):
        if "ext_table_catalog" in text or "ext_column_name" in text:
            # fakesnow's own notes of a table that two sessions make at once: Snowflake makes them one after the other.
            return Conflict(line)
        if column := re.search(r'NOT NULL constraint failed: (?:\S+\.)?"?(\w+)"?', text):
            return SqlError("100072", "22000", f"NULL result in a non-nullable column: {column[1]}")
        return SqlError("100072", "22000", line)
    if "MERGE INTO command cannot affect the same target row" in text:
        return SqlError("100090", "42P18", "Duplicate row detected during DML action\nRow Values: [not shown]")
    if isinstance(error, (duckdb.ConversionException, duckdb.OutOfRangeException)):
        return _from_conversion(line, from_variant)
    if isinstance(error, duckdb.CatalogException):
        return _from_catalog(line)
    if isinstance(error, duckdb.BinderException):
        for pattern in _IDENTIFIER_PATTERNS:
            if found := pattern.search(line):
                if "must appear" in line:
                    return compilation("000979", "42601", f"[{found[1]}] is not a valid group by expression")
                return invalid_identifier(found[1])
        if "name/value mismatch" in line or "values for" in line:
            return compilation("002057", "42601", f"Insert value list does not match column list {line}")
        if "Could not choose" in line or "No function matches" in line:
            return compilation("001044", "42P13", f"Invalid argument types for function: {line}")
        if "does not exist" in line:
            return _from_catalog(line)
        return compilation("002028", "42601", line)
    if isinstance(error, duckdb.ParserException):
        near = re.search(r'at or near "([^"]*)"', line)
        return syntax(f"syntax error line 1 at position 0 unexpected '{near[1] if near else line}'.")
    if "JSON" in text:
        return SqlError("100069", "22P02", f"Error parsing JSON: {line}")
    return SqlError("000603", "XX000", f"SQL execution internal error: {line}")


def _from_catalog(line: str) -> SqlError:
    if "already exists" in line:
        name = re.search(r'name "?([\w.]+)"?', line)
        return compilation("002002", "42710", f"Object '{name[1] if name else line}' already exists.")
    if re.search(r"Function with name", line):
        name = re.search(r"name \"?([\w$]+)\"?", line)
        return compilation("002140", "42601", f"Unknown function {name[1].upper() if name else line}")
    if "is not an table" in line or "is not a table" in line or "is of type View" in line:
        # Code for DML on a view not documented; this one is known from DDL on the wrong kind of object.
        return compilation("002203", "02000", "Object found is of type 'VIEW', not specified type 'TABLE'.")
    if "SET schema" in line or "No catalog" in line:
        return cannot_be_performed()
    if schema := re.search(r'because schema "([^"]+)" does not exist', line):
        return missing_object(schema[1], "Schema")
    name = re.search(r'name "?([\w.$]+)"?', line)
    return missing_object(name[1] if name else line)


_TYPE_NAMES = [("INT", "FIXED"), ("DECIMAL", "FIXED"), ("HUGEINT", "FIXED"), ("DOUBLE", "REAL"), ("BOOL", "BOOLEAN")]


def _from_conversion(line: str, from_variant: bool) -> SqlError:
    value = next(iter(re.findall(r"string '(.*)' to|: \"(.*?)\"|value \"?(.*?)\"? to type", line)), ("", "", ""))
    text = next((part for part in value if part), "")
    if "timestamp" in line.lower():
        target, code, state, told = "TIMESTAMP_NTZ", "100035", "22007", f"Timestamp '{text}' is not recognized"
    elif "date field" in line.lower():
        target, code, state, told = "DATE", "100040", "22007", f"Date '{text}' is not recognized"
    elif "to BOOL" in line:
        target, code, state, told = "BOOLEAN", "100037", "22018", f"Boolean value '{text}' is not recognized"
    elif "out of range" in line.lower():
        target, code, state, told = "FIXED", "100039", "22003", f"Numeric value '{text}' is out of range"
    else:
        target = next((name for part, name in _TYPE_NAMES if f"to {part}" in line), "FIXED")
        code, state, told = "100038", "22018", f"Numeric value '{text}' is not recognized"
    if from_variant:
        return SqlError("100071", "22000", f'Failed to cast variant value "{text}" to {target}')
    return SqlError(code, state, told)
