# SPDX-License-Identifier: ISC
#
# Looks for a secret in the memory of a process, as root may. Memory that was freed may be half overwritten, so
# pieces are looked for: the secret should be one that occurs nowhere by chance.

import base64
import contextlib
import hashlib

from harness import Skip, is_sanitized, need_root

PIECE = 8


def secret(number):
    """A password like no other."""
    return hashlib.sha256(b"secret %d" % number).hexdigest()[:40]


def need_search(program):
    """Skip the case where the memory of PROGRAM cannot be searched."""
    need_root()
    if is_sanitized(program):
        raise Skip("a sanitizer's memory has terabytes")


def pieces(text):
    return [text[i:i + PIECE] for i in range(0, len(text) - PIECE + 1, 4)]


def forms(password):
    """Pieces of the password as it is, and of its base64 wherever it begins in there."""
    whole = password.encode()
    found = pieces(whole)
    for before in range(3):
        found += pieces(base64.b64encode(b"x" * before + whole)[4:-4])  # the ends depend on the neighbours
    return found


def memory(pid):
    """(mapping, bytes) of all that process PID has in memory and that can be read, but for what comes out of files
    and cannot be written; zeros around it do not count. That is most of it, and takes most of the time."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            place, access = line.split()[:2]
            begin, end = (int(x, 16) for x in place.split("-"))
            if access.startswith("r") and "[v" not in line and not (access in ("r--p", "r-xp") and "/" in line):
                with contextlib.suppress(OSError, OverflowError):
                    mem.seek(begin)
                    yield line.strip(), mem.read(end - begin).strip(b"\0")


def holds(pid, text):
    """Tell whether process PID has TEXT (bytes) in its memory."""
    return any(text in piece for _, piece in memory(pid))


def traces(pids, password):
    """Where pieces of PASSWORD are in the memory of PIDS: [(process, mapping)]."""
    wanted = forms(password)
    return [(pid, line) for pid in pids for line, piece in memory(pid) if any(w in piece for w in wanted)]
