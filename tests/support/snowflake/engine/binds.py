"""Bind values as Snowflake's drivers send them, as values that DuckDB takes; and the question marks as numbers."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from fakesnow.converter import from_binding
from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake

from errors import SqlError, compilation

REFUSED = {"VARIANT", "OBJECT", "ARRAY", "MAP"}


def number_marks(text: str) -> str:
    """`?, ?` becomes `_SF_BIND_1, _SF_BIND_2`: columns to the parser, and to `placeholders` marks that keep their number
    when a statement is taken apart."""
    parts, count, end = [], 0, 0
    for token in Snowflake().tokenize(text):
        if token.token_type.name in ("PLACEHOLDER", "QDCOLON") and token.text in ("?", "?::"):
            count += 1
            parts += [text[end : token.start], f"_SF_BIND_{count}"]
            end = token.start + 1
    return "".join(parts) + text[end:]


def placeholders(statement: exp.Expression) -> exp.Expression:
    def mark(node: exp.Expression) -> exp.Expression:
        found = re.fullmatch(r"_SF_BIND_(\d+)", node.name) if isinstance(node, exp.Column) else None
        return exp.Placeholder(this=f"b{found[1]}") if found else node

    return statement.transform(mark, copy=False)


def rows_of(bindings: dict | None, max_lob_bytes: int) -> tuple[list[dict[str, object]], bool]:
    """One dict of values for each row, and whether they came as arrays."""
    if not bindings:
        return [{}], False
    for name, bind in bindings.items():
        if str(bind.get("type")).upper() in REFUSED:
            raise compilation("002040", "42601", f"Unsupported data type '{bind['type']}' of bind {name}.")
    if not any(isinstance(bind.get("value"), list) for bind in bindings.values()):
        return [
            {name: _value(bind["type"], bind.get("value"), max_lob_bytes) for name, bind in bindings.items()}
        ], False
    count = max(len(bind["value"]) for bind in bindings.values())
    rows = [
        {name: _value(bind["type"], bind["value"][index], max_lob_bytes) for name, bind in bindings.items()}
        for index in range(count)
    ]
    return rows, True


def _value(type_: str, value: object, max_lob_bytes: int) -> object:
    if value is None:
        return None
    text = str(value)
    if len(text) > max_lob_bytes // 4 and len(text.encode()) > max_lob_bytes:
        told = f"String '{text[:30]}...' is too long and would be truncated"
        raise SqlError("100078", "22000", told)
    type_ = type_.upper()
    if type_ == "FIXED":
        return _fixed(text)
    if type_ == "REAL":
        return _real(text)
    if type_ == "BOOLEAN":
        return text.lower() in ("true", "1")
    if type_ == "TEXT":
        return text
    try:
        return from_binding({"type": type_, "value": text})
    except (ValueError, OverflowError):
        raise SqlError("100035", "22007", f"Timestamp '{text}' is not recognized") from None


def _fixed(text: str) -> object:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise SqlError("100038", "22018", f"Numeric value '{text}' is not recognized") from None
    return int(number) if number == number.to_integral_value() else float(number)


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SqlError("100038", "22018", f"Numeric value '{text}' is not recognized") from None


def used_by(expression: exp.Expression, values: dict[str, object]) -> dict[str, object]:
    """The values that this part of a statement asks for, by the names it has for them: `b1`, or `1` for `:1`."""
    wanted = {str(mark.this): str(mark.this).removeprefix("b") for mark in expression.find_all(exp.Placeholder)}
    if missing := sorted(number for number in wanted.values() if number not in values):
        told = f"error line 1 at position 0\nBind variable {missing[0]} not set."
        raise compilation("002049", "42601", told)
    return {name: values[number] for name, number in wanted.items()}


def shown(expression: exp.Expression) -> str:
    """Its text as Snowflake would repeat it."""
    return re.sub(r":b\d+", "?", expression.sql(dialect="snowflake", comments=False))
