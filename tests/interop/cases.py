# SPDX-License-Identifier: ISC
#
# The suite, and the mail host that its cases share: started by the first case that runs, stopped at the end.
# With --jobs each process has its own.

import contextlib
import functools

import dovecot
import postfix
from harness import Failed, Skip, Suite, check, need_root, scratch
from mailhost import MailHost

suite = Suite("interop", by_file=True)


class Shared:
    """The one host; when it could not be started, why not."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.host = None
        self.trouble = None

    def get(self, env):
        if self.trouble:
            raise Failed("there is no mail host: " + self.trouble)
        if self.host is None:
            try:
                host = MailHost(env, self.stack.enter_context(scratch()))
                self.stack.callback(host.stop)
                host.start()
            except Exception as e:
                self.trouble = str(e).split("\n")[0]
                raise
            self.host = host
        return self.host

    def close(self):
        self.host = None
        self.stack.close()


shared = Shared()


def need(*programs):
    """Skip the case, aloud, where PROGRAMS (our fixtures' modules) cannot run."""
    need_root()
    for program in programs:
        if not program.installed():
            raise Skip("needs %s" % program.__name__)


def comment(text):
    for line in text.splitlines():
        print("#   " + line, flush=True)


def case(name, deaths=False, version=None):
    """Decorator: register FUNCTION(host) under NAME. A failure shows what the three programs logged. When a
    worker of vmaild dies that is a failure as well, unless DEATHS are what the case is about. With VERSION ("2.3")
    it is a case for that Dovecot, and there is none when another is installed."""
    def register(function):
        if version and dovecot.VERSION not in ("", version):
            return function

        @functools.wraps(function)
        def run(env):
            need(postfix, dovecot)
            host = shared.get(env)
            marks = host.marks()
            try:
                function(host)
                check(deaths or not host.deaths(marks), "workers of vmaild died")
            except Exception:
                comment(host.report(marks))
                raise
        suite.add(name, run)
        return function
    return register


def rows(table, **options):
    """Decorator: one case for every row of TABLE, (name, arguments...) for FUNCTION(host, arguments...)."""
    def register(function):
        for name, *arguments in table:
            case(name, **options)(functools.wraps(function)(
                lambda host, arguments=arguments: function(host, *arguments)))
        return function
    return register
