# SPDX-License-Identifier: ISC
#
# usage: activate.py FD[:NAME],... PROGRAM [ARGUMENT...]
#
# A service manager's last steps before it starts PROGRAM: its sockets, which are descriptors of ours, are put where
# sd_listen_fds(3) looks for them.

import fcntl
import os
import sys


def main():
    wanted = [word.partition(":")[::2] for word in sys.argv[1].split(",")]
    away = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 3 + len(wanted)) for fd, _ in wanted]
    for to, fd in enumerate(away, 3):
        os.dup2(fd, to)
    environment = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(wanted)),
                       LISTEN_FDNAMES=":".join(name or "unknown" for _, name in wanted))
    os.execve(sys.argv[2], sys.argv[2:], environment)


main()
