#!/bin/sh
# usage: coverage.sh BUILD: lines and branches that were run in a build with --coverage, by file and by room.
set -u
build=$(cd "$1" && pwd)
find "$build/src" -name '*.gcda' | LC_ALL=C sort | while read -r data; do
    gcov --branch-probabilities --no-output --object-directory "${data%/*}" "$data" 2>/dev/null |
        awk -v name="${data#"$build/"}" '
            /^File / { ours = $0 ~ /src\/[a-z]*\/[a-z_0-9]*\.c\x27$/ }
            ours && /^Lines executed/ { split($0, l, /[:% ]+/); lines = l[3] + 0; of = l[5] + 0; seen = 1 }
            ours && /^Branches executed/ { }
            ours && /^Taken at least once/ { split($0, b, /[:% ]+/); for (i in b) if (b[i] == "of") at = i
                branch = b[at - 1] + 0; bof = b[at + 1] + 0 }
            END { sub(/\.gcda$/, ".c", name); if (seen) print name, lines, of, branch + 0, bof + 0 }'
done | awk '
    { split($1, p, "/"); room = p[2]
      printf "  %-36s %6.1f %% of %5d lines  %6.1f %% of %5d branches\n", $1, $2, $3, $4, $5
      l[room] += $2 * $3 / 100; n[room] += $3; b[room] += $4 * $5 / 100; m[room] += $5
      if (room ~ /^(base|wire|mail|auth|session)$/) { l["pure rooms"] += $2 * $3 / 100; n["pure rooms"] += $3
          b["pure rooms"] += $4 * $5 / 100; m["pure rooms"] += $5 } }
    END { for (r in n) printf "%-38s %6.1f %% of %5d lines  %6.1f %% of %5d branches\n", r, 100 * l[r] / n[r], n[r],
              m[r] ? 100 * b[r] / m[r] : 0, m[r] | "sort" }'
