#!/bin/sh
# usage: deb.sh VERSION DIR "PACKAGE..." [SUITE]: the life of the Debian packages, in a fresh Debian of each release.
#
# tests/lib/release makes the folder of a release, and takes back all that was done in it. What happens there is
# tests/package/deb-life.sh's.
set -u
. "$(dirname "$0")/tap.sh"
version=$1 dir=$2 packages=$3
maker=${RELEASE:-tests/lib/release}
here=$(pwd)

mkdir -p "$dir"
attempt "the source is packed" contrib/dist "$version" "$dir/source.tar.gz"
for suite in ${4:-bookworm trixie}; do
    if [ ! -x "$maker" ]; then
        skip "$suite" "there is no '$maker' that makes folders of a release"
        continue
    fi
    code=0
    why=$("$maker" make "$suite" $packages systemd python3 postfix 2>&1 >&2) || code=$?
    case $code in
    0) ;;
    3)
        skip "$suite" "$why"
        continue
        ;;
    *)
        echo "$why" | verdict "$suite: its folder"
        continue
        ;;
    esac
    if ! why=$("$maker" run "$suite" "$here" "$dir" true 2>&1); then
        skip "$suite" "no namespaces and mounts of one's own here: $why"
        continue
    fi
    "$maker" run "$suite" "$here" "$dir" "$here/tests/package/deb-life.sh" "$dir" >"$dir/$suite.log" 2>&1 ||
        echo "not ok 0 - it did not come to its end" >>"$dir/$suite.log"
    # what was said between the verdicts is in the log, and shown if something failed
    grep -q '^not ok' "$dir/$suite.log" && sed 's/^/# /' "$dir/$suite.log"
    while IFS= read -r line; do
        name="$suite: ${line#*ok * - }"
        case $line in
        not*) echo "see above" | verdict "$name" ;;
        *) passed "$name" ;;
        esac
    done <<END
$(grep -E '^(not )?ok [0-9]+ ' "$dir/$suite.log" || echo "not ok 0 - it ran no test")
END
done
finish
