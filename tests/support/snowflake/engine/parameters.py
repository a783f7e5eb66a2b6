"""Session parameters: the ones a client of this project may set, with Snowflake's defaults."""

from __future__ import annotations

import re

from errors import SqlError, compilation, not_in_double

_DEFAULTS: dict[str, object] = {
    "ABORT_DETACHED_QUERY": False,
    "AUTOCOMMIT": True,
    "BINARY_INPUT_FORMAT": "HEX",
    "BINARY_OUTPUT_FORMAT": "HEX",
    "CLIENT_MEMORY_LIMIT": 1536,
    "CLIENT_PREFETCH_THREADS": 4,
    "CLIENT_RESULT_CHUNK_SIZE": 160,
    "CLIENT_SESSION_KEEP_ALIVE": False,
    "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": 3600,
    "CLIENT_TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_LTZ",
    "DATE_INPUT_FORMAT": "AUTO",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "ERROR_ON_NONDETERMINISTIC_MERGE": True,
    "ERROR_ON_NONDETERMINISTIC_UPDATE": False,
    "GCS_USE_DOWNSCOPED_CREDENTIAL": False,
    "JSON_INDENT": 2,
    "JS_TREAT_INTEGER_AS_BIGINT": False,
    "LOCK_TIMEOUT": 43200,
    "MULTI_STATEMENT_COUNT": 1,
    "QUERY_TAG": "",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
    "ROWS_PER_RESULTSET": 0,
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": 0,
    "STATEMENT_TIMEOUT_IN_SECONDS": 172800,
    "STRICT_JSON_OUTPUT": False,
    "TIMESTAMP_INPUT_FORMAT": "AUTO",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3",
    "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
    "TIMEZONE": "America/Los_Angeles",
    "TIME_INPUT_FORMAT": "AUTO",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS",
    "TRANSACTION_ABORT_ON_ERROR": False,
    "USE_CACHED_RESULT": True,
    "WEEK_OF_YEAR_POLICY": 0,
    "WEEK_START": 0,
}

# Those that change what a statement means and that the double does not act on.
_FIXED = {"ERROR_ON_NONDETERMINISTIC_MERGE", "QUOTED_IDENTIFIERS_IGNORE_CASE", "TRANSACTION_ABORT_ON_ERROR"}


class Parameters:
    def __init__(self, initial: dict):
        self._values: dict[str, object] = {}
        for name, value in initial.items():
            if name.upper() in _DEFAULTS:
                self.set(name, value)

    def get(self, name: str) -> object:
        return self._values.get(name, _DEFAULTS[name])

    def set(self, name: str, value: object) -> None:
        name = name.upper()
        if name not in _DEFAULTS:
            raise compilation("001420", "22023", f"invalid property '{name}' for 'SESSION'")
        default = _DEFAULTS[name]
        if isinstance(default, bool):
            value = value if isinstance(value, bool) else str(value).lower() in ("true", "1", "yes", "on")
        elif isinstance(default, int):
            if not re.fullmatch(r"-?\d+", str(value)):
                raise SqlError(
                    "001015", "22023", f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'"
                )
            value = int(str(value))
        if name in _FIXED and value != default:
            raise not_in_double(f"{name} = {value}")
        if name == "QUERY_TAG" and len(str(value)) > 2000:
            raise SqlError("001015", "22023", "SQL compilation error:\nthe query tag is longer than 2000 characters")
        self._values[name] = value

    def unset(self, name: str) -> None:
        if name.upper() not in _DEFAULTS:
            raise compilation("001420", "22023", f"invalid property '{name.upper()}' for 'SESSION'")
        self._values.pop(name.upper(), None)

    def shown(self, like: str | None) -> list[tuple[str, str, str]]:
        """Name, value and default, as SHOW PARAMETERS lists them."""
        pattern = re.compile((like or "%").replace("%", ".*").replace("_", "."), re.I)
        names = sorted(name for name in _DEFAULTS if pattern.fullmatch(name))
        return [(name, _text(self.get(name)), _text(_DEFAULTS[name])) for name in names]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
