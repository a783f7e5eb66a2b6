#!/bin/sh
# `freshet` in the container. The permissions are those of the task `freshet` in deno.json; a test compares them.
exec deno run --cached-only --v8-flags=--heap-growing-percent=60,--min-semi-space-size=16 --quiet --no-prompt --allow-env --allow-read \
  --allow-write --allow-net --allow-ffi --allow-sys /app/main.ts "$@"
