# SPDX-License-Identifier: ISC
#
# Who takes part: each is started on the same data, has a name for Postfix's client, and goes when it is closed.

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, os.pardir, "lib"), os.path.join(HERE, os.pardir, "interop")]

from harness import Site, check, listener, wait_until  # noqa: E402

SERVER_CPU, CLIENT_CPU = "0", "1"


def pinned(cpu, *command):
    return ["taskset", "-c", cpu, *command]


class Server:
    """A program that says "ready" on its stdout."""

    def __init__(self, *command):
        self.process = subprocess.Popen(pinned(SERVER_CPU, *command), stdout=subprocess.PIPE, text=True)
        check("ready" in self.process.stdout.readline(), command)
        self.pids = [self.process.pid]

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Echo(Server):
    def __init__(self, build, folder, name="echo", address=None):
        self.name = name
        self.address = address or "unix:" + os.path.join(folder, name + ".sock")
        super().__init__(os.path.join(build, "tests/bench/echo"), self.address)
        self.table = "socketmap:%s:aliases" % self.address


class Python(Server):
    name = "python"

    def __init__(self, folder, database):
        self.address = "unix:" + os.path.join(folder, "python.sock")
        super().__init__(sys.executable, os.path.join(HERE, "socketmap.py"), self.address[5:], database)
        self.table = "socketmap:%s:aliases" % self.address


class Vmaild:
    """The daemon, with as many lookup workers as it is told, on the server's CPU unless CPUS says others."""

    def __init__(self, build, folder, store, name="vmaild", workers=1, cpus=SERVER_CPU, tcp=None, **settings):
        self.name = name
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        path = os.path.join(self.folder, "maps.sock")
        listeners = [listener("unix:" + path, "socketmap", 0o666)]
        if tcp:
            listeners.append(listener(tcp, "socketmap"))
        self.site = Site(build, self.folder, listeners=listeners, store="sqlite:" + store, lookup_workers=workers,
                         log_level="info", max_connections=20000, **settings)
        self.address = "unix:" + path
        self.table = "socketmap:%s:aliases" % self.address
        began = time.monotonic()
        self.daemon = self.site.start()
        self.started = time.monotonic() - began
        for pid in [self.daemon.pid, *self.daemon.supervisors(), *self.daemon.workers()]:
            subprocess.run(["taskset", "-a", "-c", "-p", cpus, str(pid)], stdout=subprocess.DEVNULL, check=True)
        self.pids = self.daemon.workers("lookup")

    def close(self):
        self.daemon.stop()


class Fixed:
    """A table that Postfix reads by itself, or through its proxymap."""

    pids = ()

    def __init__(self, name, table):
        self.name = name
        self.table = table

    def close(self):
        pass


class Postgres:
    """A server of our own below a folder, as an ordinary user, on a unix socket."""

    def __init__(self, folder, user):
        programs = sorted(p for p in os.listdir("/usr/lib/postgresql"))[-1]
        self.bin = os.path.join("/usr/lib/postgresql", programs, "bin")
        self.folder = os.path.join(folder, "pg")
        self.user = user
        os.makedirs(self.folder, exist_ok=True)
        subprocess.run(["chown", user, self.folder], check=True)
        self.run("initdb", "-D", self.data, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        self.run("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(self.folder, "log"), "-o",
                 "-k %s -c listen_addresses= -c fsync=off -c max_connections=200" % self.folder, "start")
        self.sql("CREATE DATABASE mail")

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    def run(self, program, *arguments, stdin=None):
        subprocess.run(["setpriv", "--reuid", self.user, "--clear-groups", os.path.join(self.bin, program), *arguments],
                       check=True, stdin=stdin, stdout=subprocess.DEVNULL, cwd=self.folder)

    def sql(self, text, database="postgres", stdin=None):
        self.run("psql", "-q", "-h", self.folder, "-d", database, "-c", text, stdin=stdin)

    def fill(self, copy):
        self.sql("CREATE TABLE alias (address text PRIMARY KEY, target text NOT NULL)", "mail")
        with open(copy) as rows:
            self.sql("COPY alias FROM STDIN", "mail", rows)
        self.sql("VACUUM ANALYZE alias", "mail")
        for pid in self.pids():
            subprocess.run(["taskset", "-a", "-c", "-p", SERVER_CPU, pid], stdout=subprocess.DEVNULL, check=False)

    def pids(self):
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            return [file.readline().strip()]

    def table(self):
        """The file that Postfix reads to find it."""
        path = os.path.join(self.folder, "postfix.cf")
        with open(path, "w") as out:
            out.write("hosts = unix:%s\nuser = %s\npassword = x\ndbname = mail\n"
                      "query = SELECT target FROM alias WHERE address = '%%s'\n" % (self.folder, self.user))
        return path

    def close(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")


def private_kib(pid):
    """What belongs to a process alone."""
    with open("/proc/%s/smaps_rollup" % pid) as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


def wait_idle():
    """Until what the last contestant left behind is done: the bench has the machine to itself."""
    def calm():
        with open("/proc/stat") as file:
            before = [int(x) for x in file.readline().split()[1:]]
        time.sleep(0.05)
        with open("/proc/stat") as file:
            after = [int(x) for x in file.readline().split()[1:]]
        spent = [b - a for a, b in zip(before, after)]
        return spent[3] + spent[4] >= 0.5 * sum(spent)
    try:
        wait_until(calm, "a machine at rest", timeout=2)
    except AssertionError:
        pass  # the noise is reported
