#!/bin/sh
# usage: coverage.sh BUILD: lines and branches that were run in a build with --coverage, by file and by room. Speaks TAP:
# of a pure room the tests run 95 lines of a hundred; where they do not, those that they miss are shown.
set -u
. "$(dirname "$0")/tap.sh"
build=$(cd "$1" && pwd)
report=$(mktemp) || exit 1
trap 'rm -f "$report"' EXIT

find "$build/src" -name '*.gcda' | LC_ALL=C sort | while read -r data; do
    gcov --branch-probabilities --no-output --object-directory "${data%/*}" "$data" 2>/dev/null |
        awk -v name="${data#"$build/"}" '
            /^File / { ours = $0 ~ /src\/[a-z]*\/[a-z_0-9]*\.c\x27$/ }
            ours && /^Lines executed/ { split($0, l, /[:% ]+/); lines = l[3] + 0; of = l[5] + 0; seen = 1 }
            ours && /^Taken at least once/ { split($0, b, /[:% ]+/); for (i in b) if (b[i] == "of") at = i
                branch = b[at - 1] + 0; bof = b[at + 1] + 0 }
            END { sub(/\.gcda$/, ".c", name); if (seen) print name, lines, of, branch + 0, bof + 0 }'
done | awk '
    function put(name, l, n, b, m) {
        printf "# %-34s %6.1f %% of %5d lines  %6.1f %% of %5d branches\n", name, n ? l / n : 100, n, m ? b / m : 0, m
    }
    { split($1, p, "/"); room = p[2]
      put($1, $2 * $3, $3, $4 * $5, $5)
      l[room] += $2 * $3; n[room] += $3; b[room] += $4 * $5; m[room] += $5 }
    END { for (room in n) put("room " room, l[room], n[room], b[room], m[room]) }' | LC_ALL=C sort >"$report"
cat "$report"

# The lines of a room that no test has run.
missed() {
    find "$build/src/$1" -name '*.gcda' | LC_ALL=C sort | while read -r data; do
        gcov --stdout --object-directory "${data%/*}" "$data" 2>/dev/null |
            awk -F: '/^ *-: *0:Source:/ { file = $4 } /^ *#####:/ && file ~ /^src\/.*\.c$/ {
                sub(/^ *#####: */, ""); sub(/:[ \t]*/, ": "); print file ":" $0 }'
    done
}

for room in base wire mail auth session foreign; do
    percent=$(awk -v room="$room" '$2 == "room" && $3 == room { print $4 }' "$report")
    if awk "BEGIN { exit ${percent:-0} >= 95 }"; then
        { echo "${percent:-no} % of the lines were run; not these:"; missed "$room"; }
    fi | verdict "of the lines of $room 95 of 100 are run"
done
finish
