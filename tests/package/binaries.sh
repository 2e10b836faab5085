#!/bin/sh
# usage: binaries.sh PROGRAM...: each was built with every hardening, whatever the flags of the compiler's caller.
set -u
. "$(dirname "$0")/tap.sh"

# want PATTERN WHAT: complain unless the listing on stdin has it.
want() {
    grep -Eq -e "$1" || echo "$2"
}

for program in "$@"; do
    name=${program##*/}
    {
        readelf -hW "$program" | want 'Type: *DYN' "is no position independent executable"
        readelf -dW "$program" | want 'FLAGS_1.*PIE' "is not marked as an executable that can be anywhere"
    } | verdict "$name: PIE"
    {
        readelf -lW "$program" | want GNU_RELRO "has no read-only relocations"
        readelf -dW "$program" | want '(BIND_NOW|FLAGS.*NOW)' "binds symbols lazily"
    } | verdict "$name: full RELRO"
    {
        readelf -lW "$program" | want 'GNU_STACK.* RW ' "has an executable stack"
        readelf -lW "$program" | grep LOAD.*RWE
        readelf -dW "$program" | grep -E 'TEXTREL|RPATH|RUNPATH'
    } | verdict "$name: nothing writable is executable, and libraries come from the system"
    readelf --syms -W "$program" >/tmp/binaries.$$
    want ' __stack_chk_fail' "has no function with a guard" </tmp/binaries.$$ | verdict "$name: stack protector"
    # libc's functions that were told the size of the buffer; __fdelt_chk is one that needs no object size
    want '__(v?snprintf|memcpy|strcpy|read|v?fprintf|v?asprintf)_chk' "has no checked call" </tmp/binaries.$$ |
        verdict "$name: FORTIFY_SOURCE"
    rm -f /tmp/binaries.$$
    case $(readelf -hW "$program" | sed -n 's/.*Machine: *//p') in
    *X86-64*)
        # a global function can be reached indirectly; a frame of more than a page is probed page by page: orq $0x0,(%rsp) after each step
        objdump -d --no-show-raw-insn "$program" | want 'or[ql] +\$0x0,.*\(%rsp' "probes no stack" |
            verdict "$name: stack clash protection"
        objdump -d --no-show-raw-insn "$program" | awk '
            /^[0-9a-f]+ <(main|error_set)>:/ { name = $2; getline; if ($0 !~ /endbr64/) print name " begins without endbr64" }' |
            verdict "$name: indirect branches end where functions begin"
        ;;
    *)
        skip "$name: stack clash protection" "how it looks on this machine is not known here"
        skip "$name: indirect branches end where functions begin" "the same"
        ;;
    esac
done
finish
