#!/bin/sh
# `freshet` in the container, with the options of the task `freshet` in deno.json, but that it writes to /data and /tmp alone; a
# test compares them.
exec deno run --cached-only --v8-flags=--heap-growing-percent=60,--min-semi-space-size=16 --quiet --no-prompt -P=container /app/main.ts "$@"
