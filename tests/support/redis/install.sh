#!/usr/bin/env bash
# Installs a Redis server for the tests, where there is none: Debian's package, without starting the service of the machine.
set -euo pipefail
if command -v redis-server >/dev/null; then exit 0; fi
# Debian starts services on installation unless this says no; put back afterwards what was there.
policy=/usr/sbin/policy-rc.d
kept=""
if [[ -e $policy ]]; then kept=$(mktemp) && cp -p "$policy" "$kept"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
trap 'if [[ -n $kept ]]; then mv "$kept" "$policy"; else rm -f "$policy"; fi' EXIT
apt-get update -qq
apt-get install -y -qq --no-install-recommends redis-server
