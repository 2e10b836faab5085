# SPDX-License-Identifier: ISC
#
# contrib/demo, which is what `make run` ends with: all that it tells people to try gives what it says.

import os
import re
import subprocess

from harness import TIMEOUT, Daemon, check, check_eq, check_in, scratch

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "contrib", "demo")


def tried(env):
    with scratch() as tmp:
        where, said = os.path.join(tmp, "run"), os.path.join(tmp, "said")
        start = os.path.join(tmp, "start")
        with open(start, "w") as f:
            f.write("#!/bin/sh\nexec '%s' '%s' '%s' >'%s'\n" % (DEMO, env.build, where, said))
        os.chmod(start, 0o755)
        # its options are for the daemon that the demo becomes, and the demo gives them itself
        with Daemon(start, "", os.path.join(tmp, "notify.sock")):
            with open(said) as f:
                text = f.read()
            questions = re.findall(r"^    (\S.*)\n        -> (.*)$", text, re.M)
            asked = [ask(command, answer) for command, answer in questions if not command.startswith("postmap ")]
            check("no login" not in text, text)
            check_eq(len(asked), 6, text)


def ask(command, answer):
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=TIMEOUT)
    if answer.startswith("nothing, exit status 1"):
        check_eq((done.returncode, done.stdout), (1, ""), command, done.stderr)
        return
    check_eq(done.returncode, 0, command, done.stderr)
    if command.endswith(" status"):
        check_in("health", done.stdout)
    else:
        check_eq(done.stdout, answer + "\n", command)


def register(suite):
    suite.add("demo: what it says of itself is so", tried)
