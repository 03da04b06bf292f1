#!/bin/sh
# Stands in for the docker client: records each call in $DOCKER_STAND_IN/calls and acts on a container whose root is a
# folder. The version that "runs" is the text of the file `running`.
world=$DOCKER_STAND_IN
root=$world/root
. "${0%/*}/record-call.sh"
record_call "$*"
while [ "$(cat "$world/block" 2>/dev/null)" = "$count" ]; do sleep 0.1; done

fail() {
  echo "$1" >&2
  exit 1
}

# OpenClaw's own command, of the version in $version.
openclaw() {
  case "$*" in
    --version) case $version in 2026.2.*) echo "$version" ;; *) echo "OpenClaw $version (eb377ac)" ;; esac ;;
    "agent "*)
      if [ -f "$world/turn-fails-$version" ]; then fail "GatewayClientRequestError: no model"; fi
      # A flaky model refuses so many turns.
      flaky=$(cat "$world/flaky-$version" 2>/dev/null || echo 0)
      if [ "$flaky" -gt 0 ]; then echo $((flaky - 1)) >"$world/flaky-$version" && fail "HTTP 529 overloaded"; fi
      # Only versions with a list of tasks know what was started.
      case "$version $*" in
        2026.2.*) ;;
        *sessions_spawn*) cp "$world/spawned.json" "$world/tasks.json" ;;
      esac
      echo '{"runId":"r1","status":"ok","summary":"completed"}'
      ;;
    "skills info "*) cat "$world/skill.json" ;;
    "mcp probe "*) case $version in 2026.2.*) fail "error: unknown command 'mcp'" ;; *) cat "$world/mcp.json" ;; esac ;;
    "tasks list "*) case $version in 2026.2.*) fail "error: unknown command 'tasks'" ;; *) cat "$world/tasks.json" ;; esac ;;
    "config schema")
      case $version in
        2026.2.23) fail "error: too many arguments for 'config'" ;;
        *) echo '{"properties": {"channels": {}, "models": {}, "telemetry": {}, "cloudWorkers": {}}}' ;;
      esac
      ;;
    "config get logging.level") fail "Config path not found: logging.level" ;;
    "config set logging.level "* | "config unset "*) printf '%s\n' "$*" >>"$world/log-levels" ;;
    "config set "*) printf '%s\n' "$3 $4" >>"$root/home/node/.openclaw/limits" ;;
    *) fail "unexpected: openclaw $*" ;;
  esac
}

# A program in the container: the rest of the arguments.
run_program() {
  case "$1 $2" in
    "cat --")
      if [ -f "$root$3" ]; then cat "$root$3"; else fail "cat: $3: No such file or directory"; fi ;;
    "node -e") if [ -f "$world/unreachable-$4-$version" ]; then fail ECONNREFUSED; fi ;;
    "node dist/index.js") shift 2 && openclaw "$@" ;;
    "sh -c")
      case $3 in
        grep*) sh -c "$3" sh "$5" "$world/transcripts" ;;
        find*) echo 7 && { cat "$world/free" 2>/dev/null || echo "262144 4096 100000 200000"; } ;;
        *) cat "$world/status" ;;
      esac
      ;;
    find*) cat "$world/find" ;;
    "tar -c")
      # A full disk takes the archive only until so many archives were written.
      if [ -f "$world/full" ]; then
        left=$(($(cat "$world/full") - 1))
        if [ "$left" -le 0 ]; then fail "tar: -: Cannot write: No space left on device"; fi
        echo "$left" >"$world/full"
      fi
      (cd "$root" && shift 8 && tar -c -z -f - "$@") ;;
    *) fail "unexpected: $*" ;;
  esac
}

# Without a Compose plugin or a daemon, as Docker 28.2 answers then.
if [ "$1" = compose ] && [ -f "$world/no-compose" ]; then
  if [ "$2" = version ]; then fail "docker: unknown command: docker compose

Run 'docker --help' for more information"; fi
  fail "unknown flag: --env-file

Usage:  docker [OPTIONS] COMMAND [ARG...]

Run 'docker --help' for more information"
fi
if [ "$1 $2" = "compose version" ]; then echo "Docker Compose version v2.40.3" && exit 0; fi
if [ -f "$world/no-daemon" ] && [ "$1 $4" != "compose config" ]; then fail "$(cat "$world/no-daemon")"; fi
if [ "$1" = version ]; then echo 28.2.2 && exit 0; fi

if [ "$1 $2" = "image inspect" ]; then
  if grep -qx "$5" "$world/pulled" 2>/dev/null; then echo sha256:1 && exit 0; fi
  fail "Error response from daemon: No such image: $5"
fi
if [ "$1 $2" = "manifest inspect" ]; then
  if [ -f "$world/manifest-fails" ]; then fail "$(cat "$world/manifest-fails")"; fi
  echo '{"schemaVersion": 2}' && exit 0
fi
if [ "$1" = tag ]; then
  echo "$3" >>"$world/pulled"
  exit 0
fi
if [ "$1" = pull ]; then
  if [ -f "$world/pull-fails" ]; then fail "$(cat "$world/pull-fails")"; fi
  echo "$3" >>"$world/pulled"
  exit 0
fi
[ "$1 $2" = "compose --env-file" ] || fail "unexpected: docker $*"
image=$(sed -n 's/^OPENCLAW_IMAGE=//p' "$3")
version=${image##*:}
shift 3
case $1 in
  config) sed "s|IMAGE|$image|" "$world/config.json" ;;
  stop) rm -f "$world/running" ;;
  ps) if [ -f "$world/running" ]; then echo c0ffee; fi ;;
  up)
    if [ -f "$world/up-fails-$version" ]; then fail "no such image"; fi
    echo "$version" >"$world/running"
    echo "opened by $version" >"$root/home/node/.openclaw/opened"
    ;;
  logs) cat "$world/log-$(cat "$world/running")" 2>/dev/null || true ;;
  exec)
    [ -f "$world/running" ] || fail "service \"$3\" is not running"
    shift 3
    run_program "$@"
    ;;
  run)
    program=$6
    shift 7
    if [ "$program" = sh ]; then
      find "$root/home/node/.openclaw" "$root/workspace" -mindepth 1 -delete && tar -x -z -f - -C "$root"
    else
      run_program "$program" "$@"
    fi
    ;;
  *) fail "unexpected: docker compose $*" ;;
esac
