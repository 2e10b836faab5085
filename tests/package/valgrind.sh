#!/bin/sh
# usage: valgrind.sh TEST [CASE]: a unit test under valgrind: nothing lost, nothing read that was never written. It
# gives way to what has to be in time, and leaves out what takes long by intent and has been looked at in passing.
if ! command -v valgrind >/dev/null; then
    echo "ok 1 - ${1##*/} under valgrind # SKIP valgrind is not installed"
    exit
fi
exec env VMAILD_TEST_QUICK=1 nice valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect "$@"
