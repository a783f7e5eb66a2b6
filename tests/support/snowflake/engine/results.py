"""DuckDB's results as the JSON rows that Snowflake's drivers read: every cell a string or null."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from errors import not_in_double

_INTEGERS = {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "UTINYINT", "USMALLINT"}
_SIMPLE = {
    "BOOLEAN": "boolean",
    "BLOB": "binary",
    "DATE": "date",
    "DOUBLE": "real",
    "FLOAT": "real",
    "JSON": "variant",
    "TIME": "time",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp_ltz",
    "VARCHAR": "text",
    '"NULL"': "text",
}


def snowflake_type(duck_type: str) -> tuple[str, int | None, int | None]:
    """Snowflake's name, precision and scale for a type of DuckDB."""
    if found := re.match(r"DECIMAL\((\d+),(\d+)\)", duck_type):
        return "fixed", int(found[1]), int(found[2])
    if duck_type in _INTEGERS:
        return "fixed", 38, 0
    name = _SIMPLE.get(duck_type)
    if name is None:
        raise not_in_double(f"a result column of DuckDB's type {duck_type}")
    return name, None, 9 if name.startswith("time") else None


def row_type(description: list) -> list[dict]:
    return [column(name, *snowflake_type(str(duck_type))) for name, duck_type, *_ in description]


def column(name: str, type_: str, precision: int | None, scale: int | None) -> dict:
    length = 16777216 if type_ == "text" else 8388608 if type_ == "binary" else None
    return {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "type": type_,
        "byteLength": length,
        "length": length,
        "precision": 0 if type_.startswith("time") else precision,
        "scale": scale,
        "collation": None,
    }


def rows(table: pa.Table) -> list[list[str | None]]:
    columns = [_cells(column) for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _seconds(micros: int) -> str:
    """A decimal number of seconds, with nine digits behind the point."""
    whole, fraction = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{whole}.{fraction * 1000:09d}"


def _cells(column: pa.ChunkedArray) -> list[str | None]:
    kind = column.type
    if pa.types.is_boolean(kind):
        return [None if v is None else "1" if v else "0" for v in column.to_pylist()]
    if pa.types.is_timestamp(kind):
        micros = pc.cast(column.cast(pa.timestamp("us", tz=kind.tz)), pa.int64()).to_pylist()
        return [None if v is None else _seconds(v) for v in micros]
    if pa.types.is_date(kind):
        return [None if v is None else str(v) for v in pc.cast(column.cast(pa.date32()), pa.int32()).to_pylist()]
    if pa.types.is_time(kind):
        micros = pc.cast(column.cast(pa.time64("us")), pa.int64()).to_pylist()
        return [None if v is None else f"{v // 1_000_000}.{v % 1_000_000 * 1000:09d}" for v in micros]
    if pa.types.is_binary(kind):
        return [None if v is None else v.hex().upper() for v in column.to_pylist()]
    return [None if v is None else v if isinstance(v, str) else str(v) for v in column.to_pylist()]
