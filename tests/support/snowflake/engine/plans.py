"""Statements that were parsed and translated before: translating takes far longer than running, and clients repeat their
statements word for word."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from sqlglot import exp

_KEPT = 500


@dataclass
class Plan:
    """A statement, checked; `prepared` with what differs from time to time as binds. Neither is ever changed."""

    statement: exp.Expression
    prepared: exp.Expression
    # The DuckDB texts of the parts of a DML statement, in the order in which running it asks for them.
    texts: list[str] = field(default_factory=list)
    # What a query has become for DuckDB.
    translated: list[exp.Expression] = field(default_factory=list)


class Plans:
    def __init__(self) -> None:
        self._plans: OrderedDict[tuple, Plan] = OrderedDict()

    def get(self, key: tuple) -> Plan | None:
        plan = self._plans.get(key)
        if plan:
            self._plans.move_to_end(key)
        return plan

    def keep(self, key: tuple, plan: Plan) -> None:
        """Of a statement that went well: its texts are complete then."""
        self._plans[key] = plan
        if len(self._plans) > _KEPT:
            self._plans.popitem(last=False)
