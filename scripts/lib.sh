# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What bisect and scripts/test share. Source it with `root` set to the repository.
: "${root:?}"

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$@"
  exit 129
}

# locked COMMAND...: one build at a time, whoever starts it. The lock is gone once the command has returned.
locked() {
  mkdir -p "$root/build" || die "cannot write $root/build"
  (
    flock -n 9 || { say "waiting for another build" && flock 9; }
    "$@" 9>&-
  ) 9>"$root/build/lock"
}

build_unless() {
  local condition=$1
  shift
  "$condition" || build "$@"
}

# build PRESET TARGET [CONFIGURE OPTION...]: configures and builds; the whole output goes to build/PRESET.log, the
# progress to stderr, and where it fails the log from the first error on.
build() {
  local preset=$1 target=$2
  shift 2
  local folder=$root/build/$preset log=$root/build/$preset.log
  mkdir -p "$folder" && touch "$folder/stamp.new" || return 1
  say "configuring ($preset)"
  if ! configure "$preset" "$@" >"$log" 2>&1; then
    show_failure "configuring" "$log" '^CMake Error'
    return 1
  fi
  grep -m1 -o 'CUDA toolkit.*' "$log" >&2 || true
  say "building $target ($preset); the log is build/$preset.log"
  if ! (cd "$root" && cmake --build "build/$preset" --target "$target") 2>&1 | tee -a "$log" | show_progress; then
    show_failure "building" "$log" '^FAILED: '
    return 1
  fi
  mv "$folder/stamp.new" "$folder/${target//\//-}.stamp" # the launcher asks for it
}

# A folder that was copied or moved here together with its build has another home in its cache: start that afresh.
configure() {
  local preset=$1 cache=$root/build/$1/CMakeCache.txt fresh=()
  shift
  if [[ -f $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then fresh=(--fresh); fi
  (cd "$root" && cmake "${fresh[@]}" --preset "$preset" "$@")
}

# Ninja's "[3/80] ..." lines only: one line rewritten on a terminal, every line elsewhere.
show_progress() {
  local line
  while IFS= read -r line; do
    if [[ ! $line =~ ^\[[0-9]+/[0-9]+\] ]]; then continue; fi
    if [[ -t 2 ]]; then printf '\r\033[K%s' "${line:0:78}" >&2; else printf '%s\n' "$line" >&2; fi
  done
  if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
}

show_failure() {
  local what=$1 log=$2 first_error=$3 line
  line=$(grep -n -m1 -e "$first_error" "$log" | cut -d: -f1) || true
  if [[ -n $line ]]; then tail -n "+$line" "$log" | head -n 40 >&2; else tail -n 40 "$log" >&2; fi
  say "$what failed; the whole log is ${log}"
}
