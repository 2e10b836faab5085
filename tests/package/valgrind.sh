#!/bin/sh
# usage: valgrind.sh TEST...: run unit tests under valgrind: nothing lost, nothing read that was never written.
set -u
. "$(dirname "$0")/tap.sh"

if ! command -v valgrind >/dev/null; then
    skip "unit tests under valgrind" "valgrind is not installed"
    finish
fi
for test in "$@"; do
    CMOCKA_MESSAGE_OUTPUT=STDOUT attempt "${test##*/test_} under valgrind" \
        valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect "$test"
done
finish
