#!/bin/sh
# The job of environment-ready as one would write it with curl and awk, run by `webhook`. $1 is the application.
set -u
application=${1:-}
case $application in
  pr-*) ;;
  *) echo '{"status":"skipped","reason":"application name does not start with pr-"}'; exit 0 ;;
esac
case $application in
  */* | *[!A-Za-z0-9._-]*) echo "not an application: $application" >&2; exit 1 ;;
esac

body=$(mktemp) || exit 1
trap 'rm -f "$body"' EXIT
ask() {
  curl -sS --max-time 15 -o "$body" -w '%{http_code}' -H "Authorization: Bearer $GITHUB_TOKEN" \
    -H 'X-GitHub-Api-Version: 2022-11-28' -H "Accept: $1" "$GITHUB_API_URL/repos/$2"
}

for size in light heavy; do
  status=$(ask application/vnd.github.raw+json \
    "$DEPLOYMENT_REPO/contents/configs%2Fpr%2F$size%2F$application%2Fvalues.yaml") || exit 1
  [ "$status" = 404 ] || break
done
[ "$status" = 200 ] || { echo "GitHub answered $status" >&2; exit 1; }

tag=$(awk '
  /^[^ #]/ { global = ($1 == "global:") }
  /^  [^ #]/ { config = (global && $1 == "config:") }
  config && $1 == "DEPLOYMENT_TAG:" { print $2; exit }' "$body" | tr -d '\r"')
[ -n "$tag" ] || { echo 'no DEPLOYMENT_TAG' >&2; exit 1; }

status=$(curl -sS --max-time 15 -o "$body" -w '%{http_code}' -H "Authorization: Bearer $GITHUB_TOKEN" \
  -H 'X-GitHub-Api-Version: 2022-11-28' -H 'Accept: application/vnd.github+json' -H 'Content-Type: application/json' \
  -d "{\"event_type\":\"environment_ready\",\"client_payload\":{\"commitHash\":\"$tag\",\"sourceName\":\"$application\"}}" \
  "$GITHUB_API_URL/repos/$TARGET_REPO/dispatches") || exit 1
[ "$status" = 204 ] || { echo "GitHub answered $status" >&2; exit 1; }
echo "{\"status\":\"success\",\"commitHash\":\"$tag\",\"sourceName\":\"$application\"}"
