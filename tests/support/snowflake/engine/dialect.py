"""What fakesnow translates wrongly or not at all, put right. Imported for its effect before fakesnow opens DuckDB."""

from __future__ import annotations

import json
import re
from string import Template

import duckdb
import fakesnow.info_schema as info_schema
import fakesnow.macros as macros
import fakesnow.transforms as transforms
import fakesnow.transforms.show as show
import orjson
import pyarrow as pa
import sqlglot
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import exp

from binds import shown
from errors import raise_from_sql

_TO_TIMESTAMP = """
CREATE OR REPLACE MACRO ${catalog}._fs_to_timestamp(val, scale) AS (
  CASE
    WHEN try_cast(val AS BIGINT) IS NULL THEN CAST(val AS TIMESTAMP)
    WHEN scale = 3 THEN make_timestamp(val::BIGINT * 1000)
    WHEN scale = 6 THEN make_timestamp(val::BIGINT)
    WHEN scale = 9 THEN make_timestamp(val::BIGINT // 1000)
    WHEN typeof(val) NOT IN ('VARCHAR', 'JSON') OR abs(val::BIGINT) < 31536000000 THEN make_timestamp(val::BIGINT * 1000000)
    WHEN abs(val::BIGINT) < 31536000000000 THEN make_timestamp(val::BIGINT * 1000)
    WHEN abs(val::BIGINT) < 31536000000000000 THEN make_timestamp(val::BIGINT)
    ELSE make_timestamp(val::BIGINT // 1000)
  END
);
"""

# fakesnow's own evaluates its input three times and copies it into every row as THIS, which this one does not have.
_FLATTEN = """
CREATE OR REPLACE MACRO ${catalog}._fs_flatten(input) AS TABLE
SELECT 1 AS SEQ, e.r.k AS KEY, coalesce(e.r.k, '[' || e.r.i || ']') AS PATH, e.r.i AS INDEX, e.r.v AS VALUE
FROM (
  SELECT unnest(
    CASE WHEN json_type(j) = 'OBJECT'
      THEN list_transform(json_keys(j), lambda x: {'k': x, 'i': NULL::BIGINT, 'v': (j -> ('$$."' || x || '"'))::JSON})
      ELSE list_transform(CAST(j AS JSON[]), lambda x, n: {'k': NULL::VARCHAR, 'i': (n - 1)::BIGINT, 'v': x})
    END
  ) AS r
  FROM (SELECT input AS j)
) AS e
"""


_insert_comment = info_schema.insert_table_comment_sql


def patch() -> None:
    """SUM keeps integers, zoned timestamps are LTZ, integers in text become timestamps by their magnitude, comments hold
    apostrophes."""
    info_schema.insert_table_comment_sql = lambda catalog, schema, table, comment: _insert_comment(
        catalog, schema, table, comment and comment.replace("'", "''")
    )
    transforms.numeric_agg_implicit_cast = lambda expression: expression
    macros.FS_TO_TIMESTAMP.template = _TO_TIMESTAMP
    macros.FS_FLATTEN.template = _FLATTEN
    for module in (info_schema, show, transforms.transforms):
        for name, value in list(vars(module).items()):
            if isinstance(value, str) and "TIMESTAMP_TZ" in value:
                setattr(module, name, value.replace("TIMESTAMP_TZ", "TIMESTAMP_LTZ"))
            elif isinstance(value, Template) and "TIMESTAMP_TZ" in value.template:
                value.template = value.template.replace("TIMESTAMP_TZ", "TIMESTAMP_LTZ")


class Cursor(FakeSnowflakeCursor):
    """fakesnow's cursor, which runs an expression that is parsed already and leaves MERGE to DuckDB."""

    def translate(self, expression: exp.Expression) -> exp.Expression:
        return self._transform(expression.copy(), None).transform(_read_arrays_once, copy=False)

    def run(self, expression: exp.Expression, params: dict | None, translated: list[exp.Expression] | None = None) -> None:
        """`translated` is what it has become for DuckDB, filled in where it is empty."""
        self.check_db_and_schema(expression)
        translated = [] if translated is None else translated
        if not translated:
            translated += [self._transform(part, params) for part in self._transform_explode(expression.copy())]
        for part in translated:
            self._execute(part, params if part.find(exp.Placeholder) else None)
        self._conn.results_cache.clear()

    def table(self) -> pa.Table:
        return self._arrow_table

    def description_now(self) -> list:
        return self._duck_conn.description or []


def _read_arrays_once(node: exp.Expression) -> exp.Expression:
    """`VALUE -> '$[1]'`, `VALUE -> '$[2]'` … of a flattened row become items of one list: DuckDB would parse the row's JSON
    again for each of them."""
    flattened = isinstance(node, exp.Select) and (node.args.get("from") or node.args.get("from_"))
    function = flattened and isinstance(flattened.this, exp.Table) and flattened.this.this
    if not isinstance(function, exp.Anonymous) or function.name.upper() != "_FS_FLATTEN":
        return node
    items = [item for item in node.find_all(exp.JSONExtract, exp.JSONExtractScalar) if _index(item) is not None]
    if len(items) < 3 or node.args.get("joins"):
        return node
    places = {index: place for place, index in enumerate(sorted({_index(item) for item in items}), 1)}
    for item in items:
        cell: exp.Expression = sqlglot.parse_one(f"_ITEMS[{places[_index(item)]}]", read="duckdb")
        if isinstance(item, exp.JSONExtractScalar):
            cell = sqlglot.parse_one(f"(_ITEMS[{places[_index(item)]}] ->> '$')", read="duckdb")
        item.replace(cell)
    paths = ", ".join(f"'$[{index}]'" for index in places)
    source = sqlglot.parse_one(f"SELECT VALUE, INDEX, json_extract(VALUE, [{paths}]) AS _ITEMS FROM t", read="duckdb")
    source.find(exp.Table).replace(flattened.this.copy())
    flattened.this.replace(source.subquery("_FLAT"))
    return node


def _index(item: exp.Expression) -> int | None:
    """Of `VALUE -> '$[7]'`: 7."""
    if not isinstance(item.this, exp.Column) or item.this.name.upper() != "VALUE" or item.this.table:
        return None
    found = re.fullmatch(r"'?\$\[(\d+)\]'?", item.expression.sql(dialect="duckdb"))
    return int(found[1]) if found else None


def register_functions(connection: duckdb.DuckDBPyConnection, max_lob_bytes: int) -> None:
    """PARSE_JSON as Snowflake's: no duplicate keys unless 'd', nothing over the size of a VARIANT, '' is NULL."""

    def parse_json(texts: pa.Array, modes: pa.Array) -> pa.Array:
        parsed = [_parse(t, m, max_lob_bytes) for t, m in zip(texts.to_pylist(), modes.to_pylist())]
        return pa.array(parsed, type=pa.string())

    connection.create_function(
        "_sf_parse_json", parse_json, ["VARCHAR", "VARCHAR"], "VARCHAR", type="arrow", null_handling="special"
    )


def _parse(text: str | None, mode: str, max_lob_bytes: int) -> str | None:
    if text is None or text.strip() == "":
        return None
    size = len(text.encode())
    if size > max_lob_bytes:
        if mode == "t":
            return None
        message = f"Error parsing JSON: document is too large, max size {max_lob_bytes} bytes"
        raise raise_from_sql("100069", "22P02", message)
    try:
        # Most documents come out as they went in: then no key was lost to another.
        if orjson.dumps(orjson.loads(text)) == text.encode():
            return text
    except ValueError:
        pass
    duplicates: list[str] = []

    def check(pairs: list[tuple[str, object]]) -> dict:
        members = dict(pairs)
        if len(members) != len(pairs):
            names = [name for name, _ in pairs]
            duplicates.append(next(name for name in names if names.count(name) > 1))
        return members

    try:
        value = json.loads(text, object_pairs_hook=check)
    except (ValueError, RecursionError) as error:
        if mode == "t":
            return None
        raise raise_from_sql("100069", "22P02", f"Error parsing JSON: {error}") from None
    if not duplicates:
        return text
    if mode == "d":
        return json.dumps(value)
    if mode == "t":
        return None
    raise raise_from_sql("100069", "22P02", f'Error parsing JSON: duplicate object attribute "{duplicates[0]}"')


def prepare(expression: exp.Expression) -> exp.Expression:
    """Rewrites what fakesnow would lose: PARSE_JSON's strictness and the names of result columns."""
    return name_columns(expression).transform(_parse_json_call, copy=False).transform(_keep_variant, copy=False).transform(
        _to_char, copy=False
    ).transform(_try_timestamp, copy=False)


def _keep_variant(node: exp.Expression) -> exp.Expression:
    """`value:o::VARIANT` stays what it is; fakesnow would take the quotes off a string."""
    semi = (exp.DataType.Type.VARIANT, exp.DataType.Type.OBJECT, exp.DataType.Type.ARRAY)
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.JSONExtract) and node.to.this in semi:
        return node.this
    return node


# Elements of Snowflake's date formats, and what DuckDB's strftime calls them.
_FORMAT = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%M", "SS": "%S", "FF3": "%g", "FF6": "%f"}
_FORMAT_PART = re.compile("|".join(_FORMAT) + r"|\"([^\"]*)\"|.")


def _to_char(node: exp.Expression) -> exp.Expression:
    """TO_CHAR of a time with a format; fakesnow would forget the format."""
    if not isinstance(node, exp.ToChar) or not isinstance(node.args.get("format"), exp.Literal):
        return node
    text = node.args["format"].name
    mapped = _FORMAT_PART.sub(lambda part: _FORMAT.get(part[0]) or part[0].strip('"').replace("%", "%%"), text)
    return exp.Anonymous(this="strftime", expressions=[node.this, exp.Literal.string(mapped)])


def _try_timestamp(node: exp.Expression) -> exp.Expression:
    """TRY_CAST to a timestamp is NULL where it fails; fakesnow would fail."""
    timestamps = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPNTZ)
    if isinstance(node, exp.TryCast) and node.to.this in timestamps:
        return exp.Anonymous(this="TRY", expressions=[exp.Cast(this=node.this, to=node.to)])
    return node


def _parse_json_call(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.ParseJSON):
        mode = "t" if node.args.get("safe") else node.expression.name.lower() if node.expression else "s"
    elif isinstance(node, exp.Anonymous) and node.name.upper() == "TRY_PARSE_JSON":
        node, mode = exp.ParseJSON(this=node.expressions[0]), "t"
    else:
        return node
    call = exp.Anonymous(this="_sf_parse_json", expressions=[node.this, exp.Literal.string(mode)])
    return exp.Cast(this=call, to=exp.DataType(this=exp.DataType.Type.JSON, nested=False))


def name_columns(expression: exp.Expression) -> exp.Expression:
    """Snowflake calls an unnamed result column by the text of its expression, in capitals."""
    if isinstance(expression, exp.Select):
        named = []
        for item in expression.expressions:
            plain = (
                isinstance(item, (exp.Alias, exp.Column, exp.Star)) or item.find(exp.Star) and not item.find(exp.Func)
            )
            name = shown(item)
            named.append(item if plain else exp.alias_(item, name if item.is_string else name.upper(), quoted=True))
        expression.set("expressions", named)
    return expression


def parse(text: str) -> list[exp.Expression]:
    """The statements of a text, without the empty ones."""
    return [s for s in sqlglot.parse(text, read="snowflake") if s is not None and not isinstance(s, exp.Semicolon)]
