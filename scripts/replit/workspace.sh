# Runs in the Replit workspace, fed to `bash -s` over ssh. The lines before this one set its inputs:
#   PATIENCE (seconds to wait for what another run began here)
#   SEND (a line of its own: after it the built folder is sent; empty: it is not)
#   WORKSPACE COMMIT CANDIDATE REMOTE INSTALL BUILD LOCKFILE OUTPUT STAMP  and the function build_environment.
#   KEEP (a name; see `workspace_changes.sh`)  LOOK (not empty: say what would be refused, and change nothing)
#   WITHOUT_MAPS (not empty: source maps are sent, and not published)
#   FOLDER INSTALL_FOLDER (where the two commands run)  STATIC (gets the stamp before the build; empty: nothing does)
#   All paths are relative to WORKSPACE.
# Standard output carries one JSON line, the answer, and before it the built folder between two lines SEND;
# whatever else is said goes to standard error.
set -u
exec 3>&1 1>&2

answer() { printf '{"desk":"%s","rule":"%s","commit":"%s","previous":"%s","detail":"%s"}\n' \
  "$1" "$2" "$(head_commit)" "${previous:-}" "$(coded "${3:-}")" >&3; exit 0; }
head_commit() { git rev-parse --verify --quiet HEAD 2>/dev/null; }
# In base64, so that it arrives as it was said: the desk masks secrets, and only then shortens. A secret that
# is cut or altered here would not be known there.
coded() { printf '%s' "$1" | base64 | tr -d '\r\n'; }
# 32768 bytes of a file at most, whole lines: of a longer one those that look like a reason, and the last ones
last_words() {
  if [ "$(wc -c <"$1")" -le 32768 ]; then cat "$1"; else
    grep -aiE 'error|fatal|could not|cannot|failed|not found' "$1" | LC_ALL=C awk 'length($0) < 400' | head -n 20
    tail -c 24576 "$1" | sed 1d
  fi | tr -d '\000'
}
# what git leaves running (gc, a credential cache) must hold neither the answer nor the lock
git() { command git -c gc.auto=0 -c maintenance.auto=false "$@" 3>&- 9>&-; }

main() {
  cd -- "$WORKSPACE" 2>/dev/null || answer refused no-workspace "no folder $WORKSPACE"
  previous=$(head_commit)
  [ -n "$previous" ] || answer refused no-repository "$WORKSPACE is no git checkout"
  state=$(git rev-parse --absolute-git-dir)/release-desk
  [ -z "$LOOK" ] || look
  mkdir -p "$state"
  if command -v flock >/dev/null; then
    exec 9>"$state/lock"
    # what a run that died or lost its lock began here goes on to its end first
    flock -w "$PATIENCE" 9 || answer refused busy "another release is at work here"
  fi
  said='' force=''
  # a run may go back twice: what it kept the first time stays
  [ -z "$KEEP" ] || KEEP=$(unused "$KEEP")
  settle_local_work
  fetch_commit
  refuse_unpushed
  printf '%s\n' "${COMMIT:0:12}" >"$state/unfinished"
  trap record_changes EXIT # also of a build that fails
  [ -z "$STATIC" ] || is_tracked "$STATIC/version.json" || rm -f -- "./$STATIC/version.json"
  drop_old_submodules
  check_out
  require_lfs
  [ -d "$FOLDER" ] || answer failed build "the commit has no folder $FOLDER (see \`[app] folder\`)"
  drop_old_output
  install_if_changed
  stamp_static
  run build "$BUILD" "$FOLDER"
  [ -d "$OUTPUT" ] || answer failed build "the build left no folder $OUTPUT"
  [ "$(head_commit)" = "$COMMIT" ] || answer failed build "the build moved HEAD"
  name_assets
  stamp "$OUTPUT"
  send_output
  drop_maps
  trap - EXIT
  record_changes
  answer ready "" "$said"
}

# What a release would refuse. Nothing is changed, and no run is waited for.
look() {
  state=$(mktemp -d) && trap 'rm -rf -- "$state"' EXIT
  own=$(git rev-parse --absolute-git-dir)/release-desk
  cp -- "$own/made" "$own/placed" "$own/unfinished" "$state" 2>/dev/null
  KEEP='' said=''
  find_changes
  [ ! -s "$state/foreign" ] || [ -s "$state/unfinished" ] || answer refused dirty "$(shown <"$state/foreign")"
  refuse_unpushed
  answer ready "" ""
}

stamp() {
  if ! printf '%s\n' "$STAMP" >"$1/version.json.part" || ! mv -f "$1/version.json.part" "$1/version.json"; then
    answer failed stamp "can't write $1/version.json"
  fi
}

# The stamp names the scripts and styles that were built, by the first 16 digits of their SHA-256: an old bundle beside a
# new stamp can be told. A stamp has to stay small; very many files are not named.
name_assets() {
  local digests
  digests=$(cd -- "$OUTPUT" && find -L . -type f '(' -name '*.js' -o -name '*.mjs' -o -name '*.css' ')' \
    -exec sha256sum '{}' + 2>/dev/null | cut -c 1-16 | grep -xE '[0-9a-f]{16}' | sort -u | sed 's/.*/"&"/' | paste -sd , -)
  [ -z "$digests" ] || [ "${#digests}" -gt 40000 ] || STAMP="${STAMP%?}, \"assets\": [$digests]}"
}

# For frameworks that serve only the files that were there when they were built.
stamp_static() {
  [ -n "$STATIC" ] || return 0
  is_tracked "$STATIC/version.json" && answer failed stamp "the commit has a $STATIC/version.json of its own: remove it"
  mkdir -p -- "$STATIC"
  stamp "$STATIC"
}

is_tracked() { [ -n "$(git ls-files -- "$1")" ]; }

# What is published is what is looked at: the very folder, links followed as a server does, nothing left out.
send_output() {
  [ -n "$SEND" ] || return 0
  printf '\n%s\n' "$SEND" >&3
  (cd -- "$OUTPUT" && tar -chf - . | gzip -1; exit $((PIPESTATUS[0] + PIPESTATUS[1]))) >&3 2>"$state/sent" \
    || { echo >&3; answer failed send "$(last_words "$state/sent")"; }
  printf '\n%s\n' "$SEND" >&3
}

# Sentry gets them; visitors would read the sources in them.
drop_maps() {
  [ -n "$WITHOUT_MAPS" ] || return 0
  find -H "./$OUTPUT" -type f \( -name '*.js.map' -o -name '*.mjs.map' -o -name '*.cjs.map' -o -name '*.css.map' \) \
    -exec rm -f -- {} + 2>"$state/sent" || answer failed build "$(last_words "$state/sent")"
}

# The commit alone. Other branches are fetched where only they may tell that nothing would be lost here. Its history
# comes with it, once: a build may read it, and a clone that was cut short can't merge what its person made.
fetch_commit() {
  set -- "+$CANDIDATE:refs/release-desk/candidate"
  [ "$(only_here)" = 0 ] || set -- "$@" "+refs/heads/*:refs/remotes/$REMOTE/*"
  git -c fetch.negotiationAlgorithm=skipping fetch --quiet --no-tags --recurse-submodules=no -- "$REMOTE" "$@" \
    2>"$state/log" || answer failed fetch "$(last_words "$state/log")"
}

check_out() {
  git cat-file -e "$COMMIT^{commit}" 2>/dev/null || answer failed fetch "the remote did not give $COMMIT"
  # shellcheck disable=SC2086 # one word, or none
  git -c advice.detachedHead=false checkout --quiet $force --detach "$COMMIT" 2>"$state/log" \
    || answer failed checkout "$(last_words "$state/log")"
  [ "$(head_commit)" = "$COMMIT" ] || answer failed checkout "HEAD is not at $COMMIT"
  printf '%s\n' "$COMMIT" >"$state/placed"
  git update-ref -d refs/release-desk/candidate
  [ -f .gitmodules ] || return 0
  git submodule --quiet update --init --recursive 2>"$state/log" || answer failed checkout "$(last_words "$state/log")"
  [ -z "$(git submodule status --recursive | grep '^[-+U]')" ] || answer failed checkout "a submodule is not at its commit"
}

# A build that makes nothing would leave the last release's output, to be stamped as this one's.
drop_old_output() {
  [ -n "$BUILD" ] || return 0
  case $OUTPUT in '' | . | .. | /* | ../* | */.. | */../*) return 0 ;; esac
  [ -n "$(git ls-files -- "$OUTPUT" | head -n 1)" ] || rm -rf -- "./$OUTPUT"
}

# How many commits are on no branch of the remote, as far as this clone knows; 0 where the desk has checked out what
# stands here.
only_here() {
  [ "$(cat "$state/placed" 2>/dev/null)" != "$previous" ] || { echo 0 && return; }
  # a glob, because the ref is not there for a look
  git rev-list --count HEAD --branches --not "--remotes=$REMOTE" --glob='refs/release-desk/candidat?' 2>/dev/null
}

# Commits that somebody, or Replit's own agent, made here: checking out another one would lose them.
refuse_unpushed() {
  count=$(only_here)
  [ "${count:-0}" != 0 ] || return 0
  if [ -n "$KEEP" ] && git update-ref "refs/desk/kept/$KEEP-commits" HEAD; then
    said="${said:+$said
}commits that are only here are kept in refs/desk/kept/$KEEP-commits"
    return 0
  fi
  answer refused unpushed "$count only here: $(git log --format=%h -5 HEAD --branches --not "--remotes=$REMOTE")"
}

install_if_changed() {
  [ -n "$INSTALL" ] || return 0
  wanted=$(git hash-object "$LOCKFILE" 2>/dev/null)
  [ -n "$wanted" ] && [ "$(cat "$state/installed" 2>/dev/null)" = "$wanted $(modules)" ] && return 0
  rm -f "$state/installed"
  run install "$INSTALL" "$INSTALL_FOLDER"
  printf '%s %s\n' "$wanted" "$(modules)" >"$state/installed"
}

# an npm app whose modules were thrown away must install again
modules() { [ -d "$INSTALL_FOLDER/node_modules" ] && echo modules || echo none; }

# In a shell of its own: its variables, its `exit`, its daemons are not ours.
run() {
  [ -n "$2" ] || return 0
  (
    exec 3>&- 9>&-
    desk_command=$2
    cd -- "$3" || exit 1
    build_environment
    eval "$desk_command"
  ) >"$state/log" 2>&1 || answer failed "$1" "$(last_words "$state/log")"
}

main </dev/null
