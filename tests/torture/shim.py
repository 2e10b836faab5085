# SPDX-License-Identifier: ISC
#
# The other end of shim.c: tells programs under test what time it is, and which allocations fail.

import mmap
import os
import struct

from harness import Skip, is_sanitized

LAYOUT = "qIIII"  # struct control


class Shim:
    """A control page, and the environment that makes programs look at it."""

    def __init__(self, env, tmp):
        library = env.program("tests/torture/shim.so")
        if is_sanitized(env.program("vmaild")):
            raise Skip("a sanitizer wants to be loaded first")
        path = os.path.join(tmp, "shim")
        with open(path, "wb") as f:
            f.write(bytes(struct.calcsize(LAYOUT)))
        os.chmod(path, 0o666)
        self.environment = {"LD_PRELOAD": library, "VMAILD_SHIM": path}
        with open(path, "r+b") as f:
            self.page = mmap.mmap(f.fileno(), struct.calcsize(LAYOUT))

    def jump(self, seconds):
        """Be so far ahead of the real clock (or behind), at once."""
        struct.pack_into("q", self.page, 0, seconds)

    def starve(self, at, length):
        """From allocation AT on, LENGTH of them fail."""
        struct.pack_into("III", self.page, 12, length, 0, 0)
        struct.pack_into("I", self.page, 8, at)

    def feed(self):
        """No more of that. Tells how many failed."""
        struct.pack_into("I", self.page, 8, 0)
        return struct.unpack_from(LAYOUT, self.page)[4]
