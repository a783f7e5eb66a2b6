"""The SQL side of the test double as a small HTTP server on loopback, for the proxy that speaks Snowflake's protocol.

Started with the settings as JSON in its first line of standard input; prints its port; ends when standard input ends,
so that it never outlives the test that started it.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from dataclasses import asdict

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from account import Account, Settings
from execute import execute
from session import Session

account: Account

# What DuckDB has no word for, such as the target lag of a Dynamic Table, is meant to be left out.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def answer(body: object, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, separators=(",", ":"), default=str)
    return Response(text, media_type="application/json", headers=headers)


async def open_session(request: Request) -> Response:
    login = await request.json()
    session = await run_in_threadpool(_open, login)
    place = {"database": session.conn.database if session.conn.database_set else None}
    place |= {"schema": session.conn.schema if session.conn.schema_set else None}
    return answer(place | {"warehouse": session.warehouse, "role": session.role})


def _open(login: dict) -> Session:
    if login.get("database") and account.denies(
        (login.get("role") or "PUBLIC").upper(), "USAGE", None, login["database"].upper()
    ):
        login["database"] = None
    if login.get("database") and not login.get("schema"):
        login["schema"] = "PUBLIC"
    session = Session(account, login)
    account.sessions[session.id] = session
    return session


async def run(request: Request) -> Response:
    session = account.sessions.get(request.path_params["id"])
    if session is None:
        return Response(status_code=404)
    body = orjson.loads(await request.body())
    query = request.query_params
    started = time.monotonic()
    result = await run_in_threadpool(execute, session, body, query["queryId"], float(query.get("delayMs", 0)) / 1000)
    data = result["data"]
    rows = (data.get("stats") or {}).get("numRowsAffected", data.get("returned", 0)) if result["success"] else 0
    headers = {
        "x-rows": str(rows),
        "x-code": result["code"] or "",
        "x-engine-ms": f"{(time.monotonic() - started) * 1000:.1f}",
    }
    return answer(result, headers)


async def stop_statement(request: Request) -> Response:
    session = account.sessions.get(request.path_params["id"])
    if session and session.label == request.query_params["queryId"]:
        session.stop("cancel")
    return answer({})


async def abort_transaction(request: Request) -> Response:
    if session := account.sessions.get(request.path_params["id"]):
        session.stop("cancel")
        await run_in_threadpool(_abort, session)
    return answer({})


def _abort(session: Session) -> None:
    with session.mutex:
        session.abort_transaction()


async def close_session(request: Request) -> Response:
    if session := account.sessions.pop(request.path_params["id"], None):
        await run_in_threadpool(session.close)
    return answer({})


async def settings(request: Request) -> Response:
    for name, value in (await request.json()).items():
        if not hasattr(account.settings, name):
            return Response(f"unknown setting {name}", status_code=400)
        setattr(account.settings, name, value)
    return answer(asdict(account.settings))


async def locks(_: Request) -> Response:
    return answer(
        [{"table": table, "session": owner.id, "status": status} for table, owner, status in account.locks.held()]
    )


routes = [
    Route("/sessions", open_session, methods=["POST"]),
    Route("/sessions/{id}", close_session, methods=["DELETE"]),
    Route("/sessions/{id}/execute", run, methods=["POST"]),
    Route("/sessions/{id}/stop", stop_statement, methods=["POST"]),
    Route("/sessions/{id}/abort", abort_transaction, methods=["POST"]),
    Route("/settings", settings, methods=["POST"]),
    Route("/locks", locks, methods=["GET"]),
]


def end_with_input(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = server.force_exit = True


def main() -> None:
    global account
    account = Account(Settings(**json.loads(sys.stdin.readline() or "{}")))
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    # Before the port is told: whoever knows it may connect at once.
    listener.listen(128)
    server = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes), log_level="warning", access_log=False, lifespan="off")
    )
    threading.Thread(target=end_with_input, args=[server], daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
