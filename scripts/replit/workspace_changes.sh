# What lies in the workspace that is not in its commit: the desk's own traces go, a person's work stays.
# Functions of `workspace.sh`; KEEP: under this name a person's work is kept aside, empty: it is refused.

# Every difference from HEAD but for the output, each ended by NUL: two letters of `git status`, a digest, the path.
local_changes() {
  set -- . ":(exclude,top)$OUTPUT"
  [ -z "$STATIC" ] || is_tracked "$STATIC/version.json" || set -- "$@" ":(exclude,top)$STATIC/version.json"
  git status --porcelain -z --no-renames --untracked-files=all --ignore-submodules=none -- "$@" |
    while IFS= read -r -d '' entry; do
      printf '%s %s %s\0' "${entry:0:2}" "$(digest "${entry:3}")" "${entry:3}"
    done | LC_ALL=C sort -z
}

digest() {
  if [ -L "$1" ]; then printf 'link:%s' "$(readlink -- "$1" | git hash-object --stdin)"
  elif [ -d "$1" ]; then
    printf 'folder:%s' "$({ git -C "$1" rev-parse HEAD; git -C "$1" status --porcelain -uall; git -C "$1" diff HEAD; } \
      2>/dev/null | git hash-object --stdin)"
  elif [ -f "$1" ]; then [ ! -x "$1" ] || printf x; git hash-object --no-filters -- "$1"
  else printf gone
  fi
}

# Lines for people: letters and path, without the digest.
shown() { tr '\0' '\n' | sed 's/^\(..\) [^ ]* /\1 /' | head -n 40; }

# All changes, and those among them that no release is known to have made.
find_changes() {
  [ -f "$state/made" ] || : >"$state/made"
  local_changes >"$state/changes"
  LC_ALL=C comm -z -23 "$state/changes" "$state/made" | without_old_submodules >"$state/foreign"
}

# What install, build, checkout and git itself left is known by its digest. Publish ships the folder as it lies there, so
# whatever else lies there is refused, or kept aside for a way back that must not wait.
settle_local_work() {
  find_changes
  [ -s "$state/changes" ] || return 0
  if [ -s "$state/foreign" ]; then
    # a build that was killed has left what nobody can tell from a person's work: nothing is lost, and nothing waits
    killed=$(cat "$state/unfinished" 2>/dev/null)
    kept_as=${KEEP:-${killed:+$(unused "unfinished-$killed")}}
    [ -n "$kept_as" ] || answer refused dirty "$(shown <"$state/foreign")"
    keep_aside "$kept_as"
    said="kept aside in refs/desk/kept/$kept_as:
$(shown <"$state/foreign")"
  else
    said="put back, as the desk had left it:
$(shown <"$state/changes")"
  fi
  put_back
}

# The folder of a submodule that a later commit took out stays behind ("unable to rmdir"). Without changes of its own,
# and at a commit that its remote has, nothing is lost with it.
without_old_submodules() {
  while IFS= read -r -d '' entry; do
    path=${entry#?? * }
    case $entry in "?? "*) left_behind "${path%/}" && continue ;; esac
    printf '%s\0' "$entry"
  done
}

left_behind() {
  [ -f "$1/.git" ] && case $(git -C "$1" rev-parse --absolute-git-dir 2>/dev/null) in
    "$(git rev-parse --absolute-git-dir)/modules/"*) ;;
    *) return 1 ;;
  esac && [ -z "$(git -C "$1" status --porcelain -uall)" ] && [ -n "$(git -C "$1" branch -r --contains HEAD 2>/dev/null)" ]
}

# Before the checkout, while git still knows the submodules of the commit that stood here.
drop_old_submodules() {
  git ls-files -s | sed -n 's/^160000 [^	]*	//p' | while IFS= read -r path; do
    [ -n "$(git ls-tree "$COMMIT" -- "$path" | grep '^160000 ')" ] && continue
    [ -e "$path/.git" ] || continue
    left_behind "$path" && git submodule --quiet deinit --force -- "$path" && rm -rf -- "./$path" && continue
    echo "$path"
  done >"$state/submodules" 2>>"$state/log"
  [ ! -s "$state/submodules" ] || answer refused dirty "a submodule that the commit lacks has changes: $(cat "$state/submodules")"
}

# A name below refs/desk/kept that holds nothing yet.
unused() {
  name=$1
  while [ -n "$(git for-each-ref "refs/desk/kept/$name" "refs/desk/kept/$name-commits")" ]; do name=$name-more; done
  echo "$name"
}

# A person's work goes to a ref of this repository, whole. What no commit can hold is still refused.
keep_aside() {
  grep -qzE '^.. folder:' "$state/foreign" && answer refused dirty "$(shown <"$state/foreign")"
  index=$state/index
  cp -- "$(git rev-parse --git-path index)" "$index" &&
    GIT_INDEX_FILE=$index git add --all -- . 2>"$state/log" &&
    tree=$(GIT_INDEX_FILE=$index git write-tree 2>>"$state/log") &&
    kept=$(git -c user.name="release desk" -c user.email=release-desk@localhost commit-tree -p HEAD \
      -m "kept aside by the release desk: $1" "$tree") &&
    git update-ref "refs/desk/kept/$1" "$kept" || answer refused dirty "$(shown <"$state/foreign")"
  rm -f -- "$index"
}

put_back() {
  force=--force
  git reset --quiet --hard 2>"$state/log" || answer failed checkout "$(last_words "$state/log")"
  while IFS= read -r -d '' entry; do
    case $entry in "?? "* | "A"*) rm -rf -- "./${entry#?? * }" ;; esac
  done <"$state/changes"
}

# What the run leaves: known again by the next one. Tracked files among it are worth a word.
record_changes() {
  local_changes >"$state/made" && rm -f -- "$state/unfinished"
  changed=$(grep -zv '^??' "$state/made" | shown)
  [ -z "$changed" ] || said="${said:+$said
}the release itself changed files of the commit, which the next one puts back:
$changed"
}

# A pointer in place of a file would be built and served as it is.
require_lfs() {
  git grep -q 'filter=lfs' -- '*.gitattributes' 2>/dev/null || return 0
  [ -n "$(pointers)" ] || return 0
  git lfs version >/dev/null 2>&1 && git lfs pull "$REMOTE" 2>"$state/log"
  left=$(pointers)
  [ -z "$left" ] || answer refused lfs "$left"
}

pointers() {
  git ls-files -z | git check-attr -z --stdin filter | while IFS= read -r -d '' path && IFS= read -r -d '' _ && IFS= read -r -d '' value; do
    [ "$value" = lfs ] && [ -f "$path" ] && [ "$(head -c 42 -- "$path")" = "version https://git-lfs.github.com/spec/v1" ] && echo "$path"
  done | head -n 20
}
