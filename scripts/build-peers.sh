#!/usr/bin/env bash
# Builds the programs of test/peers/, all or the named ones, and prints the path of each. A program is built once per
# machine and kept outside the checkout. Each folder pins its versions in go.mod. Its file `build`, if there is one,
# builds it. Ends with 3 if a named program is left out: WITHOUT_PEERS names it, or its sources cannot be reached. Ends
# with 4 if there is no Go that can build it, and with 1 if one could not be built. The others are still built.
#
#   scripts/build-peers.sh kubernetes helm3
set -euo pipefail
cd "$(dirname "$0")/../test/peers"

# The Go that https://go.dev/doc/install installs comes before Debian's, which is older.
export PATH="/usr/local/go/bin:$PATH" GOFLAGS="-mod=readonly -buildvcs=false -ldflags=-w ${GOFLAGS:-}"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gh-runner-peers
mkdir -p "$cache"
# Programs whose tests need nothing else come first. Programs that take minutes come last.
named=$#
[ "$named" -gt 0 ] || set -- yaml go-service actionlint git-sync crds kube-score kubernetes helm3 helm4 argocd

# The exit code of a `build` that cannot reach its sources.
UNREACHABLE=3
left_out=0
broken=0
for peer; do
  if [[ " ${WITHOUT_PEERS:-} " == *" $peer "* ]]; then
    echo "WITHOUT_PEERS leaves $peer out" >&2
    [ "$named" -eq 0 ] || left_out=3
    continue
  fi
  built=$cache/$peer-$(cat "$peer"/* | sha256sum | cut -c1-16)
  if [ ! -e "$built" ]; then
    if ! printf 'go1.26\n%s\n' "$(go env GOVERSION 2>/dev/null || echo go0)" | sort -CV; then
      echo "Go 1.26 or newer is missing: https://go.dev/dl" >&2
      exit 4
    fi
    since=$SECONDS
    # Two processes may build the same program at the same time. Each moves a complete one into place.
    unfinished=$(mktemp -d "$cache/.$peer.XXXXXX")
    status=0
    if [ -e "$peer/build" ]; then (cd "$peer" && sh -eu build "$unfinished/$peer") >&2 || status=$?
    elif [ -e "$peer/main.go" ]; then go build -C "$peer" -o "$unfinished/$peer" . >&2 || status=$?
    else go build -C "$peer" -o "$unfinished/$peer" tool >&2 || status=$?; fi
    [ "$status" -ne 0 ] || [ -e "$built" ] || mv "$unfinished/$peer" "$built"
    rm -rf "$unfinished"
    if [ "$status" -eq "$UNREACHABLE" ]; then
      [ "$named" -eq 0 ] || left_out=3
      continue
    elif [ "$status" -ne 0 ]; then
      echo "test/peers/$peer: not built, status $status" >&2
      broken=1
      continue
    fi
    echo "test/peers/$peer: built in $((SECONDS - since)) s" >&2
  fi
  echo "$built"
done
[ "$broken" -eq 0 ] || exit 1
exit $left_out
