#!/usr/bin/env bash
# What a person would write in place of the desk: the same git, ssh, curl and supabase calls, and no more care.
#   COMMIT (empty: the head of BRANCH)  BRANCH  MOVES (a branch that is moved to the commit; or empty)  NAME
#   HOST SSH_CONFIG WORKSPACE  URL  MCP REPL_ID HEADERS (a file)  VARIABLES (of the build, one line each)
#   MIGRATES (not empty: apply migrations)  CLI DATABASE PGPASSWORD
set -euo pipefail

refs=$(git ls-remote origin "refs/heads/$BRANCH" "refs/heads/by-hand-$NAME")
before=$(awk '/by-hand/ { print $1 }' <<<"$refs")
COMMIT=${COMMIT:-$(awk '!/by-hand/ { print $1 }' <<<"$refs")}
git fetch -q origin "$BRANCH" ${before:+"by-hand-$NAME"}
git push -q "--force-with-lease=refs/lock/$NAME:" origin "$COMMIT:refs/lock/$NAME"
curl -s "$URL/version.json" >/dev/null || true # what is live

ssh -F "$SSH_CONFIG" "$HOST" bash -s <<END
set -eu
cd "$WORKSPACE"
git fetch -q origin "$BRANCH"
git checkout -q --detach "$COMMIT"
lock=\$(git hash-object package-lock.json)
if [ "\$(cat .git/installed 2>/dev/null)" != "\$lock" ]; then npm ci --no-audit --no-fund --prefer-offline >/dev/null; echo "\$lock" >.git/installed; fi
rm -rf dist
$VARIABLES
node_modules/.bin/vite build >/dev/null
printf '{"commit": "%s", "environment": "%s"}\n' "$COMMIT" "$NAME" >dist/version.json
END

if [ -n "$MIGRATES" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  git archive "$COMMIT" supabase/migrations | tar -xC "$work"
  SUPABASE_HOME=$work TMPDIR=$work "$CLI" db push --yes "--workdir=$work" "--remote=$DATABASE" >/dev/null
fi

mcp() { curl -sf -H "@$HEADERS" ${session:+-H "mcp-session-id: $session"} "$@" "$MCP"; }
said=$(mcp -D - -o /dev/null -d '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",
  "capabilities": {}, "clientInfo": {"name": "script", "version": "1"}}}')
session=$(tr -d '\r' <<<"$said" | awk 'tolower($1) == "mcp-session-id:" { print $2 }')
mcp -d '{"jsonrpc": "2.0", "method": "notifications/initialized"}'
mcp -d "{\"jsonrpc\": \"2.0\", \"id\": 2, \"method\": \"tools/call\", \"params\": {\"name\": \"publish_app\",
  \"arguments\": {\"replId\": \"$REPL_ID\"}}}" >/dev/null

until curl -s "$URL/version.json" | grep -q "$COMMIT"; do sleep 0.2; done
curl -sf "$URL/" >/dev/null

blob=$(printf '{"commit": "%s", "environment": "%s"}\n' "$COMMIT" "$NAME" | git hash-object -w --stdin)
tree=$(printf '100644 blob %s\tevent.json\n' "$blob" | git mktree)
event=$(git -c user.name=script -c user.email=script@example.org commit-tree "$tree" ${before:+-p "$before"} -m released)
git push -q --atomic origin "$event:refs/heads/by-hand-$NAME" ":refs/lock/$NAME" ${MOVES:+"+$COMMIT:refs/heads/$MOVES"}
