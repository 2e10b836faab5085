# SPDX-License-Identifier: ISC
#
# EXAMPLES of vmailctl.8: one host's store from its first day to its last. Each command is run in its turn and does what
# it is there for; what the page shows of answers is what comes.

import contextlib
import grp
import os
import re
import subprocess

from cli_cases import Terminal
from harness import TIMEOUT, Auth, Site, check, check_eq, scratch, write_file

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "vmailctl.8")

# what has a host for its subject, or no end
ELSEWHERE = ("setup", "doctor", "log --follow")
# these may exit 1: there is a finding, and a list that is closed to the sender
FINDS = ("lint", "explain team@example.com --from sally@example.net")
# without a terminal these ask nobody
ASKS = ("restore", "apply")


def examples(path):
    """[[command, [line shown below it, ...]], ...] of the page's literal lines."""
    with open(path) as f:
        section = f.read().split("\n.Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    found = []
    for block in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", section, re.M | re.S):
        for line in block.replace("\\e", "\\").splitlines():
            if line.startswith("# "):
                found.append([line[2:], []])
            elif found:
                found[-1][1].append(line)
    return found


def is_one_of(words, command):
    return any(command.startswith("vmailctl " + w) for w in words)


class Host:
    """The site, and what of / the page speaks of, below its folder."""

    def __init__(self, site):
        self.site = site
        self.root = os.path.join(site.tmp, "root")
        for name in ("root", "var/backups", "var/lib", "etc/postfix", "etc/dovecot/conf.d", "etc/bash_completion.d"):
            os.makedirs(os.path.join(self.root, name))
        write_file(os.path.join(self.root, "root/password"), "correct horse\n")
        write_file(os.path.join(self.root, "etc/postfix/relocated"), "old@example.com new@example.net\n")
        write_file(os.path.join(self.root, "people"), "ron@example.com\nginny@example.com\n")

    def shell(self, command):
        """What sh has to be told to run a line of the page here."""
        group = grp.getgrgid(os.getgid()).gr_name
        command = re.sub(r"(?<=[ <>])/(?=(etc|root|var)/)", self.root + "/", command).replace("www-data", group)
        return ["sh", "-c", "vmailctl() { '%s' -c '%s' \"$@\"; }; cd '%s'; %s"
                % (self.site.program("vmailctl"), self.site.conf, self.root, command)]

    def run(self, command, shown):
        if is_one_of(ASKS, command):
            command += " --yes"
        done = subprocess.run(self.shell(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=TIMEOUT)
        check(done.returncode == 0 or is_one_of(FINDS, command) and done.returncode == 1, command, done.stdout, done.stderr)
        if is_one_of(("lookup",), command):
            check_eq(done.stdout.splitlines(), shown, command, done.stderr)

    def talk(self, command, prompts):
        """With somebody at a terminal, who types a password at each prompt."""
        terminal = Terminal(*self.shell(command))
        for prompt in prompts:
            terminal.expect(prompt)
            terminal.type("correct horse\n")
        status, text = terminal.end()
        check_eq(status, 0, command, text)


def forget(site):
    """Somebody types a wrong password until he has to wait."""
    with Auth(site.auth) as client:
        for _ in range(6):
            check_eq(client.plain("sally@example.com", "battery staple").word, "FAIL")


def all_of_them(env):
    with scratch() as tmp, contextlib.ExitStack() as daemons:
        site = Site(env.build, tmp)
        host = Host(site)
        ran = 0
        for command, shown in examples(PAGE):
            if not command.startswith(("vmailctl ", "install ")) or is_one_of(ELSEWHERE, command):
                continue
            if command == "vmailctl login throttled":
                forget(site)
            prompts = [line for line in shown if line.endswith(":")]
            if prompts:
                host.talk(command, prompts)
            else:
                host.run(command, shown)
            if command == "vmailctl init":
                daemons.enter_context(site.start())
            ran += 1
        check(ran > 50, "no more than", ran, "commands")


def register(suite):
    suite.add("vmailctl: the examples of its page, in their order", all_of_them)
