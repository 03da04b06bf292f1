#!/bin/sh
# Stands in for npm and tar: records each call in $OPENCLAW_STAND_IN/calls. tar then runs for real; npm installs the stand-in for OpenClaw.
world=$OPENCLAW_STAND_IN
name=${0##*/}
. "${0%/*}/record-call.sh"
record_call "$name $*"

if [ "$name" = tar ]; then
  PATH=${PATH#*:} tar "$@"
  exit $?
fi
case "$1" in
  --version) echo 11.19.1 ;;
  view)
    if [ -f "$world/npm-fails" ]; then cat "$world/npm-fails" && exit 1; fi
    printf '"%s"\n' "${2#*@}"
    ;;
  install)
    if [ -f "$world/install-fails" ]; then cat "$world/install-fails" && exit 1; fi
    package=$3/node_modules/openclaw
    version=$(sed -n 's/.*"openclaw": "\(.*\)".*/\1/p' "$3/package.json")
    mkdir -p "$package"
    cp "$world/openclaw.mjs" "$package/openclaw.mjs"
    printf '{"name": "openclaw", "version": "%s"}\n' "$version" >"$package/package.json"
    env | sort >"$world/npm-environment"
    ;;
  *) exit 1 ;;
esac
