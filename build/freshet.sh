#!/bin/sh
# `freshet` in the container, with the options of the task `freshet` in deno.json; a test compares them.
exec deno run --cached-only --v8-flags=--heap-growing-percent=60,--min-semi-space-size=16 --quiet --no-prompt -P=program /app/main.ts "$@"
