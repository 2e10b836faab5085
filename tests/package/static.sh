#!/bin/sh
# usage: static.sh DIR FLAGS ["TOOL ..."]: what gcc -fanalyzer, clang-tidy and cppcheck see in src and include: nothing.
#
# A TOOL is gcc, clang-tidy, cppcheck or clang-tidy-quick, which is not part of the whole.
# Each is shown faults first, to see that it looks at all; they give way to what has to be in time.
#
# A finding that is wrong is answered where it is, with the reason: NOLINT(check) for clang-tidy, cppcheck-suppress
# for cppcheck, NOANALYZER(-Wanalyzer-...) for gcc, on its line or the one before.
set -u
. "$(dirname "$0")/tap.sh"
dir=$1 flags=$2
renice -n 10 $$ >/dev/null
mkdir -p "$dir"
jobs=$(nproc)

wanted() { # TOOL COMMAND: true if it is to run, and here; else it is skipped aloud
    case " ${only:-$1} " in *" $1 "*) ;; *) return 1 ;; esac
    command -v "$2" >/dev/null && return
    skip "$1 finds nothing" "$2 is not installed"
    return 1
}
only=${3:-}

# Findings on stdin without those that their line answers.
unanswered() {
    while IFS= read -r finding; do
        at=${finding#*:} check=${finding##*\[} file=${finding%%:*}
        at=${at%%:*} check=${check%\]}
        case $at in *[!0-9]* | '') at=0 ;; esac
        sed -n "$((at > 1 ? at - 1 : 1)),$((at + (at == 0)))p" "$file" 2>/dev/null | grep -qF "NOANALYZER($check)" ||
            echo "$finding"
    done
}

# Without optimizing, as its manual says: code that was moved about leads it astray.
analyze='gcc -fanalyzer -fdiagnostics-plain-output -fdiagnostics-path-format=none -O0 -S -o /dev/null'

cat >"$dir/fault.c" <<'END'
int fault(void);
unsigned long size(void);
unsigned long size(void)
{
	return sizeof(sizeof(int));
}
int fault(void)
{
	int *nowhere = 0;

	return *nowhere;
}
END

each() { # COMMAND [--]: for the fault, and for every source
    { echo "$dir/fault.c"; find src -name '*.c' | LC_ALL=C sort; } |
        xargs -P "$jobs" -n 1 sh -c "$1 \"\$1\" $2 -DSTATIC_ANALYSIS $flags" sh 2>&1
}

# What a tool has found, on stdin, without the fault; complaint if that was not found.
besides_fault() {
    grep -v -e '/fault.c:' >"$dir/besides"
    grep -q -e '/fault.c:' "$dir/$1.log" || echo "it found no fault in $dir/fault.c, where there is one"
    cat "$dir/besides"
}

if wanted gcc gcc; then
    each "$analyze" "" >"$dir/gcc.log"
    grep -E 'warning: |error: ' "$dir/gcc.log" | sort -u | unanswered | besides_fault gcc | verdict "gcc -fanalyzer finds nothing"
fi
# Its path-sensitive analyzer takes fifteen times as long as all the rest of it.
tidy() { # WHAT [OPTION]
    each "clang-tidy --quiet --config-file=.clang-tidy ${2:-}" -- >"$dir/tidy.log"
    grep -E 'warning: |error: ' "$dir/tidy.log" | sort -u | besides_fault tidy | verdict "$1 finds nothing"
}
if wanted clang-tidy clang-tidy; then
    tidy clang-tidy
fi
if [ -n "$only" ] && wanted clang-tidy-quick clang-tidy; then
    tidy "clang-tidy without its analyzer" '--checks=-clang-analyzer-*'
fi
if wanted cppcheck cppcheck; then
    defines=$(printf '%s\n' "$flags" | grep -oE -e "-(D[^ ']*('[^']*')?|I[^ ]*)" | tr '\n' ' ')
    # It reads no system headers; what it would take for a call and a syntax error, it is told. Not by -D: a ';' in
    # there made it see nothing at all, without a word.
    cat >"$dir/loops.h" <<'END'
#define json_array_foreach(a, i, v) for (i = 0; (v = json_array_get(a, i)) != 0; i++)
#define json_object_foreach(o, k, v) for (k = first(o, &v); k != 0; k = next(o, &v))
END
    eval "cppcheck --quiet --std=c11 -j $jobs --enable=warning,performance,portability --inline-suppr \
        --suppress=missingIncludeSystem --include=$dir/loops.h --template='{file}:{line}: {severity}: {message} [{id}]' \
        --template-location='' -DSTATIC_ANALYSIS $defines $dir/fault.c src include" 2>"$dir/cppcheck.log" >&2
    besides_fault cppcheck <"$dir/cppcheck.log" | verdict "cppcheck finds nothing"
fi
finish
