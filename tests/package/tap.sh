# SPDX-License-Identifier: ISC
# Sourced: what the scripts of this folder print is TAP. A test that finds nothing to complain of passes.
# Complaints come through pipes, so the count is kept in a file.

tally=$(mktemp) || exit 1

passed() {
    echo ok >>"$tally"
    echo "ok $(wc -l <"$tally") - $1"
}

# verdict NAME: pass if there are no complaints on stdin.
verdict() {
    complaints=$(cat)
    [ -n "$complaints" ] || { passed "$1"; return; }
    echo "not ok" >>"$tally"
    echo "not ok $(wc -l <"$tally") - $1"
    printf '%s\n' "$complaints" | sed 's/^/# /'
}

# attempt NAME COMMAND...: pass if the command exits 0; show what it said if not.
attempt() {
    name=$1
    shift
    if "$@" >"$tally.said" 2>&1 </dev/null; then
        passed "$name"
    else
        { echo "$1: exit status $?"; tail -n 40 "$tally.said"; } | verdict "$name"
    fi
}

skip() { # NAME REASON
    passed "$1 # SKIP $2"
}

finish() {
    echo "1..$(wc -l <"$tally")"
    ! grep -q '^not' "$tally"
    code=$?
    rm -f "$tally" "$tally.said"
    exit "$code"
}
