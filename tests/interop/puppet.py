# SPDX-License-Identifier: ISC
#
# A vmaild that is played: it says what it is told to, or stops talking in the middle. And a Dovecot that asks it, by
# the lines that vmailctl prints.

import base64
import contextlib
import os
import shutil
import socket
import threading

from dovecot import Dovecot
from harness import configuration, listener, write_file

SLOW = "slow@example.test"

GREETING = {
    "auth": b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n",
    "userdb": b"VERSION\t1\t2\nSPID\t1\n",
}
STEPS = ("connected", "greeted", "half an answer")  # where it stops talking


class Puppet:
    """Answers at once that everybody's password is right, but stops talking at the step STOPS, or before it
    answers for the user SLOW. `waiting` counts the clients that it leaves waiting.

    `says` are other words than those, {protocol: text}; behind one without an end of line it closes. `greets`
    likewise. When `dribbles` is set, an answer comes a byte at a time, and without an end."""

    def __init__(self, tmp, owner):
        self.owner = owner
        self.dribbles = threading.Event()
        self.reset()
        self.clients = []
        self.sockets = {}
        for protocol in GREETING:
            path = os.path.join(tmp, "puppet-" + protocol)
            self.sockets[protocol] = socket.socket(socket.AF_UNIX)
            self.sockets[protocol].bind(path)
            os.chmod(path, 0o666)
            self.sockets[protocol].listen(64)
            threading.Thread(target=self.accept, args=(protocol, self.sockets[protocol]), daemon=True).start()

    def reset(self):
        self.stops = None
        self.waiting = 0
        self.says = {}
        self.greets = dict(GREETING)
        self.dribbles.clear()

    def accept(self, protocol, server):
        with contextlib.suppress(OSError):
            while True:
                client = server.accept()[0]
                self.clients.append(client)
                threading.Thread(target=self.serve, args=(protocol, client), daemon=True).start()

    def stop_at(self, step):
        if self.stops == step:
            self.waiting += 1
        return self.stops == step

    def serve(self, protocol, client):
        with contextlib.suppress(OSError):
            if self.stop_at("connected"):
                return
            client.sendall(self.greets[protocol])
            if self.stop_at("greeted"):
                return
            user = self.user_of(client.makefile("rb"))
            if user == SLOW:
                self.waiting += 1
                return
            answer = self.answer(protocol, user)
            if not answer.endswith(b"\n"):
                client.sendall(answer)
                client.shutdown(socket.SHUT_RDWR)
                return
            while self.dribbles.is_set():
                client.sendall(b"x")
                threading.Event().wait(0.5)  # no client is to wait for the end of it
            half = self.stops == "half an answer"
            client.sendall(answer[:len(answer) // 2] if half else answer)
            self.stop_at("half an answer")

    @staticmethod
    def user_of(lines):
        """Read up to a request: whom it is about."""
        for line in lines:
            fields = line.decode().rstrip("\n").split("\t")
            if fields[0] == "AUTH":
                return base64.b64decode(fields[-1][len("resp="):]).split(b"\0")[1].decode()
            if fields[0] in ("USER", "LIST"):
                return fields[2]
        raise OSError("no request")

    def answer(self, protocol, user):
        if protocol in self.says:
            return self.says[protocol].encode()
        where = "home=/nonexistent\tuid=%d\tgid=%d" % (self.owner.pw_uid, self.owner.pw_gid)
        if protocol == "userdb":
            return ("USER\t1\t%s\t%s\n" % (user, where)).encode()
        return ("OK\t1\tuser=%s\tuserdb_%s\n" % (user, where.replace("\t", "\tuserdb_"))).encode()

    def close(self):
        self.dribbles.clear()
        for one in [*self.sockets.values(), *self.clients]:
            one.close()


def configured(host, tmp):
    """A puppet below TMP, which is made, and a Dovecot that is to ask it, by the lines of config dovecot."""
    os.mkdir(tmp)
    os.chmod(tmp, 0o755)
    conf = os.path.join(tmp, "vmaild.conf")
    write_file(conf, configuration([listener("unix:%s/puppet-%s" % (tmp, protocol), protocol, group="dovecot")
                                    for protocol in GREETING], mail_user=host.owner.pw_name))
    puppet = Puppet(tmp, host.owner)
    server = Dovecot(os.path.join(tmp, "d"))
    host.configure_by(server, conf=conf)
    return puppet, server


@contextlib.contextmanager
def stage(host):
    """A puppet, and a Dovecot that asks it, for one case: (puppet, Dovecot)."""
    tmp = os.path.join(host.tmp, "stage")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, tmp)
        puppet, server = configured(host, tmp)
        stack.callback(puppet.close)
        stack.callback(server.stop)
        server.start()
        yield puppet, server


standing = {}


def standing_stage(host):
    """The same for many cases, which it outlives; the puppet says the usual things again."""
    if host not in standing:
        standing[host] = configured(host, os.path.join(host.tmp, "standing"))
        host.others["puppet",] = standing[host][1]
        standing[host][1].start()
    standing[host][0].reset()
    return standing[host]
