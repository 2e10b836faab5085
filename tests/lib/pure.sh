#!/bin/sh
# usage: pure.sh OBJECT ALLOW: every symbol the pure rooms take from outside must be on the list, so that
# none of them can read a clock, open a file or print. Speaks TAP.
found=$(nm -u "$1" | awk '{ print $2 }' | grep -vxEf "$2")
if [ -n "$found" ]; then
    printf '%s\n' "$found" | sed 's/^/# not pure: /'
    echo "not ok 1 - pure rooms call nothing outside tests/lib/pure.allow"
    echo "1..1"
    exit 1
fi
echo "ok 1 - pure rooms call nothing outside tests/lib/pure.allow"
echo "1..1"
