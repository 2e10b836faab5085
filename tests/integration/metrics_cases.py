# SPDX-License-Identifier: ISC
#
# What the daemon tells about itself, held against what was done to it; and everything that builds on its
# names: the manual's page, the dashboard and the alert rules.

import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket

from harness import (TIMEOUT, Auth, Client, Site, Socketmap, TcpTable, check, check_eq, check_in, free_port, listener,
                     scratch, wait_gone, wait_until)
from store_cases import put_directory
from world import fill

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
METRIC = re.compile(r"\bvmaild_[a-z_]+")


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = path

    def sock_of(self):
        self.connect()
        return self.sock

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self.path)


def get(address, page, method="GET", body=None):
    """(status, headers, text) of a page."""
    connection = Unix(address) if isinstance(address, str) else http.client.HTTPConnection(*address, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.request(method, page, body)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read().decode()


class Page:
    """The metrics of one moment."""

    def __init__(self, address):
        status, self.headers, self.text = get(address, "/metrics")
        check_eq(status, 200, self.text)
        self.samples, self.types = [], {}
        for line in self.text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                check(name not in self.types, "twice:", name)
                self.types[name] = kind
            elif not line.startswith("#"):
                match = SAMPLE.match(line)
                check(match, "no sample:", line)
                labels = dict(LABEL.findall(match[2] or ""))
                check(not any(s[:2] == (match[1], labels) for s in self.samples), "twice:", line)
                self.samples.append((match[1], labels, float(match[3])))

    def sum(self, name, **labels):
        values = [v for n, l, v in self.samples if n == name and labels.items() <= l.items()]
        check(values, "no sample", name, labels, "in", self.text[:3000])
        return sum(values)

    def names(self):
        return {name for name, _, _ in self.samples}

    def counts(self):
        """All that may only grow."""
        return {(n, tuple(sorted(l.items()))): v for n, l, v in self.samples
                if n.endswith(("_total", "_bucket", "_count"))}


@contextlib.contextmanager
def watched(env, more=(), before=None, **settings):
    """(site, daemon): the world with a metrics listener, site.metrics."""
    with scratch() as tmp:
        site = Site(env.build, tmp, **settings)
        site.metrics = os.path.join(tmp, "metrics.sock")
        site.listeners += [listener("unix:" + site.metrics, "metrics", 0o666), *more]
        site.configure()
        fill(site)
        with site.start(before=before) as daemon:
            yield site, daemon


def lookups(page, map, **outcomes):
    for outcome in ("found", "none", "retry", "bad"):
        check_eq(page.sum("vmaild_lookups_total", map=map, outcome=outcome), outcomes.get(outcome, 0), map, outcome)


def ask(site, times):
    with Socketmap(site.maps) as client:
        for _ in range(times):
            check_eq(client.ask("aliases", "post@example.com")[0], "OK")
        check_eq(client.ask("mailboxes", "nobody@example.com")[0], "NOTFOUND")
        check_eq(client.ask("nonsense", "x")[0], "PERM")


def counted(env):
    """Every lookup, login and connection counts once."""
    with watched(env, answer_memory=64, lookup_workers=1) as (site, _):
        before = Page(site.metrics)
        check_eq(before.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        ask(site, 7)
        with TcpTable(site.tcp) as client:
            check_eq(client.get("post@example.com")[0], "200")
        with Auth(site.auth) as auth:
            for user, password, word in (("harry@example.com", "alohomora", "OK"), ("harry@example.com", "x", "FAIL"),
                                         ("nobody@example.com", "x", "FAIL"), ("mute@example.com", "x", "FAIL")):
                check_eq(auth.plain(user, password).word, word)
            page = Page(site.metrics)
            check_eq(page.sum("vmaild_connections", protocol="auth"), 1)
        lookups(page, "aliases", found=8)
        lookups(page, "mailboxes", none=1)
        lookups(page, "(other)", bad=1)
        check_eq(page.sum("vmaild_lookups_total"), 10)
        check_eq(page.sum("vmaild_lookups_remembered_total"), 7)
        check_eq(page.sum("vmaild_lookup_seconds_count"), 3)
        check_eq(page.sum("vmaild_lookup_seconds_bucket", le="+Inf"), 3)
        check(page.sum("vmaild_lookup_seconds_sum") > 0)
        check_eq(page.sum("vmaild_lookup_questions_count"), 3)
        check(page.sum("vmaild_lookup_questions_sum") >= 3)
        for result in ("ok", "wrong password", "unknown user", "no password is set"):
            check_eq(page.sum("vmaild_logins_total", result=result), 1, result)
        check_eq(page.sum("vmaild_logins_total"), 4)
        check_eq(page.sum("vmaild_hash_seconds_count"), 4)
        check_eq(page.sum("vmaild_hash_wait_seconds_count"), 4)
        check_eq(page.sum("vmaild_hash_queue"), 0)
        for protocol in ("socketmap", "tcp", "auth"):
            check_eq(page.sum("vmaild_connections_total", protocol=protocol), 1, protocol)
        check_eq(page.sum("vmaild_connections_total", listener="unix:" + site.userdb), 0)
        check_eq(page.sum("vmaild_store_up"), 1)
        check_eq(page.sum("vmaild_store_bytes", file="main"), os.stat(site.store).st_size)
        check(page.sum("vmaild_store_schema_version") >= 3)
        check_eq(page.sum("vmaild_workers", role="lookup"), 1)
        check_eq(page.sum("vmaild_generation"), 1)
        wait_until(lambda: Page(site.metrics).sum("vmaild_connections") == 0, "all clients gone")


def grown(before, after):
    for what, n in before.counts().items():
        check(after.counts().get(what, -1) >= n, "went back:", what, n, after.counts().get(what))


def replaced(page, kind):
    """The page, if all workers of a kind serve and one of them is a new one."""
    return (page.sum("vmaild_worker_restarts_total", role=kind) > 0 and page if
            page.sum("vmaild_workers", role=kind) == page.sum("vmaild_workers_wanted", role=kind) else None)


def outlive(env):
    """Counts outlive workers that are killed, and generations; clients of the dead are none any more."""
    with watched(env, answer_memory=0) as (site, daemon), Socketmap(site.maps) as idle:
        check_eq(idle.ask("aliases", "post@example.com")[0], "OK")
        ask(site, 5)
        with Auth(site.auth) as auth:
            auth.plain("harry@example.com", "x")
        wait_until(lambda: Page(site.metrics).sum("vmaild_connections") == 1, "one client left")
        for kind in ("lookup", "auth", "metrics"):
            before = Page(site.metrics)
            for pid in daemon.workers(kind):
                os.kill(pid, signal.SIGKILL)
                wait_gone(pid)
            after = wait_until(lambda: replaced(page_of(site), kind), "a new " + kind)
            grown(before, after)
            check(after.sum("vmaild_worker_restarts_total", role=kind) >= 1, kind)
        check_eq(after.sum("vmaild_connections"), 0)
        lookups(after, "aliases", found=6)
        for turn in range(3):
            before = Page(site.metrics)
            daemon.reload()
            ask(site, 1)
            after = page_of(site)
            grown(before, after)
            check_eq(after.sum("vmaild_generation"), before.sum("vmaild_generation") + 1)
            lookups(after, "aliases", found=7 + turn)
        site.configure(lookup_workers=1000)
        daemon.reload()
        check_eq(page_of(site).sum("vmaild_reloads_refused_total"), 1)


def page_of(site):
    """Its page; a worker that is just leaving may hang up."""
    def try_it():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return Page(site.metrics)
    return wait_until(try_it, "the page")


def healthy(env):
    """/healthz asks the store; status says the same, and its exit status does."""
    with watched(env) as (site, daemon):
        check_eq(get(site.metrics, "/healthz")[0::2], (200, "ok\n"))
        check_eq(json.loads(site.ctl("status", "--json"))["health"], "ok")
        os.rename(site.store, site.store + ".away")
        status, _, text = get(site.metrics, "/healthz")
        check_eq(status, 503)
        check_in("there is no store at", text)
        check_eq(Page(site.metrics).sum("vmaild_store_up"), 0)
        done = site.ctl_run("status", "--json")
        check_eq(done.returncode, 1, done.stderr)
        told = json.loads(done.stdout)
        check_eq((told["health"], told["store_up"]), ("failing", False))
        check_in("there is no store at", told["reason"])
        with Socketmap(site.maps) as client:
            check_eq(client.ask("aliases", "post@example.com")[0], "TEMP")
        check(Page(site.metrics).sum("vmaild_store_errors_total") >= 1)
        lookups(Page(site.metrics), "aliases", retry=1)
        os.rename(site.store + ".away", site.store)
        check_eq(get(site.metrics, "/healthz")[0], 200)
        check_eq(site.ctl_run("status").returncode, 0)
        check_in("vmaild answers on every listener", site.ctl_run("doctor").stdout)


def store_replaced(env):
    """Whoever was asked how the store is does not hold on to it: another one in its place can be written, and is asked."""
    with watched(env) as (site, _):
        good = os.path.join(site.tmp, "good.db")
        site.ctl("backup", good)
        for i in range(2):
            check_eq(get(site.metrics, "/healthz")[0], 200)
            check_eq(Page(site.metrics).sum("vmaild_store_up"), 1)
            shutil.copyfile(good, site.store)
            site.ctl("alias", "add", "later@example.com", "harry@example.com")
        put_directory(site)
        wait_until(lambda: get(site.metrics, "/healthz")[0] == 200, "health, as everybody can be answered")


def nobody(env):
    """Without a daemon, or without a listener for it, nobody can tell."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        done = site.ctl_run("status")
        check_eq(done.returncode, 75)
        check_in("no listener in the configuration speaks metrics", done.stderr)
        check_in("protocol = metrics", done.stderr, "what to add")
        site.listeners.append(listener("unix:%s/metrics.sock" % tmp, "metrics"))
        site.configure()
        for verb in (["status"], ["status", "--json"], ["top", "--once"]):
            done = site.ctl_run(*verb)
            check_eq(done.returncode, 75, verb)
            check_in("does it run?", done.stderr)


def raw(site, request):
    """All that comes back for it: (the head's lines, the body)."""
    with Unix(site.metrics).sock_of() as client:
        client.sendall(request.encode() + b"\r\nHost: x\r\n\r\n")
        found = b"".join(iter(lambda: client.recv(65536), b""))
    lines, _, body = found.partition(b"\r\n\r\n")
    return lines.decode().split("\r\n"), body


def head(site, page):
    """HEAD is told what GET is, without the body, which is not of the same moment."""
    lines, body = raw(site, "HEAD %s HTTP/1.1" % page)
    check_eq(body, b"", page)
    wanted, body = raw(site, "GET %s HTTP/1.1" % page)
    check(body, page)

    def names(found):
        return sorted(found[:1] + [line.partition(":")[0] for line in found[1:] if not line.startswith("Date:")])

    check_eq(names(lines), names(wanted), page)
    length = int(next(line for line in lines if line.startswith("Content-Length: ")).split()[1])
    check(abs(length - len(body)) < 100, page, length, len(body))


def odd_path(env):
    """A listener's path that is no UTF-8 makes no page that is none, and one that is stands there as it is."""
    with scratch() as tmp:
        site = Site(env.build, tmp)
        site.metrics = os.path.join(tmp, "metrics.sock")
        site.listeners += [listener("unix:" + site.metrics, "metrics", 0o666),
                           listener("unix:" + tmp + "/möä.sock", "socketmap")]
        site.configure()
        with open(site.conf, "rb") as f:
            text = f.read()
        with open(site.conf, "wb") as f:
            f.write(text.replace("ä.sock".encode(), b"\xff\xc3.sock"))
        fill(site)
        with site.start():
            check_eq(Page(site.metrics).text.count(r'/mö\\xff\\xc3.sock"'), 2)


def strangers(env):
    """Whatever is sent, the page is there for the next, over TCP as well."""
    port = free_port()
    with watched(env, [listener("inet:127.0.0.1:%d" % port, "metrics")], max_connections=16,
                 before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))) as (site, daemon):
        check_eq(get(("127.0.0.1", port), "/healthz")[0], 200)
        before = daemon.workers("metrics")
        check_eq(get(site.metrics, "/")[0], 404)
        check_eq(get(site.metrics, "/metrics?x=y")[0], 200)
        for page in ("/metrics", "/healthz", "/"):
            head(site, page)
        check(get(site.metrics, "/metrics", "DELETE")[0] >= 400)
        with contextlib.suppress(OSError, http.client.HTTPException):
            check(get(site.metrics, "/metrics", "POST", "x" * 100000)[0] >= 400)
        for junk in (b"\0" * 10000, b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 100000, b"GET /\xff\r\n\r\n", b"\r\n" * 99):
            with Client(site.metrics) as client, contextlib.suppress(OSError):
                client.send(junk)
                client.end_of_input()
                client.closed()
        for _ in range(20):  # they ask, and do not listen
            with Client(site.metrics) as client:
                client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        silent = [Client(site.metrics) for _ in range(50)]
        check_eq(get(site.metrics, "/metrics")[0], 200)
        silent += [Client(site.metrics) for _ in range(100)]  # more than fit
        with Client(site.metrics) as client:
            client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            for other in silent:
                other.close()
            check_eq(client.line(), "HTTP/1.1 200 OK\r")
        check_eq(daemon.workers("metrics"), before, "the worker died")
        daemon.reload()
        wait_gone(before[0])
        check("still busy" not in daemon.log.text and "accept" not in daemon.log.text, daemon.log.text[-2000:])


def least(env):
    """The process that talks HTTP has no way to the passwords, and counts are nothing that it could change."""
    with watched(env) as (site, daemon):
        get(site.metrics, "/metrics")
        maps = {}
        for kind in ("lookup", "auth", "metrics"):
            with open("/proc/%d/maps" % daemon.workers(kind)[0]) as f:
                maps[kind] = [line.split() for line in f if "/dev/zero" in line]
        check(maps["metrics"] and all(m[1] == "r--s" for m in maps["metrics"]), maps["metrics"])
        for kind in ("lookup", "auth"):
            sizes = [int(b, 16) - int(a, 16) for a, b in (m[0].split("-") for m in maps[kind])]
            check_eq(len(sizes), 1, maps[kind])
            check(sizes[0] <= 16384, kind, "sees more than its own slot:", maps[kind])


def names(env):
    """The page in the manual names what is told, and dashboard and rules ask for nothing else."""
    with watched(env) as (site, _):
        page = Page(site.metrics)
    with open(os.path.join(ROOT, "docs", "vmaild-metrics.7")) as f:
        manual = {name: set(re.findall(r"\w+", labels)) for name, labels in
                  re.findall(r"^\.It Li (\w+)(?: No \{([^}]*)\})?$", f.read(), re.M)}
    check_eq(set(page.types), set(manual))
    for name, labels, _ in page.samples:
        if name in manual:
            check_eq(set(labels), manual[name], name)
    known = page.names() | set(manual)
    with open(os.path.join(ROOT, "contrib", "grafana", "vmaild.json")) as f:
        dashboard = json.load(f)
    queries = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
    queries += [v["query"]["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
    with open(os.path.join(ROOT, "contrib", "prometheus", "vmaild.rules.yml")) as f:
        rules = re.findall(r"^ +expr: (.*)$", f.read(), re.M)
    check(len(rules) >= 5 and len(queries) >= 10)
    for query in queries + rules:
        used = set(METRIC.findall(query))
        check(used and used <= known, "unknown in", query, ":", used - known)
        check_eq(query.count("("), query.count(")"), query)
        check_eq(query.count("{"), query.count("}"), query)
    used = set(METRIC.findall(" ".join(queries)))
    for name, kind in page.types.items():
        check(name in used or any(u.startswith(name + "_") for u in used) or name in ("vmaild_start_time_seconds",),
              "the dashboard does not show", name)
    for query in queries + rules:
        for name, labels in re.findall(r"(vmaild_[a-z_]+)\{([^}]*)\}", query):
            for label in re.findall(r"(\w+)=", labels):
                has = manual.get(name, set()) | {"job", "instance", "le"}
                check(label in has, name, "has no label", label, "in", query)


def words(env):
    """Each reason for which a login is refused, by the manual and by the source, is counted by that name."""
    with watched(env) as (site, _):
        told = {labels["result"] for name, labels, _ in Page(site.metrics).samples if name == "vmaild_logins_total"}
    with open(os.path.join(ROOT, "docs", "vmaild.8")) as f:
        section = re.search(r'^\.It "login refused: .*?^\.El$', f.read(), re.M | re.S)
    manual = set(re.findall(r"^\.It Ql (.*)$", section[0], re.M))
    check_eq(told, manual | {"ok", "temporary"})
    with open(os.path.join(ROOT, "src", "server", "login.c")) as f:
        source = f.read()
    said = re.findall(r'"([^"]+)"', " ".join(re.findall(r"refusal = [^;]*;", source)))
    said += re.findall(r'"([^"]+)"', " ".join(re.findall(r"^\t?static const char [^;]*;", source, re.M)))
    said += re.findall(r'\[CREDENTIAL_\w+\] = \{ "([^"]+)"', source)
    with open(os.path.join(ROOT, "src", "base", "account_state.c")) as f:
        said += re.findall(r'^\t\[STATE_(?!ACTIVE)\w+\] = \{ "([^"]+)"', f.read(), re.M)
    check_eq(set(said) | {"wrong password"}, manual)


def guesses_shown(env):
    """Who is sent away for what others tried is counted, and shown by status, as throttled."""
    with watched(env, failure_delay=0, throttle_network=2) as (site, daemon):
        with Auth(site.auth) as client:
            for i in range(6):
                client.plain("user%d@example.com" % i, "123456", "imap", ("rip=192.0.2.7",))
        sent_away = daemon.log.text.count("throttled with others")
        page = Page(site.metrics)
        check_eq((sent_away, page.sum("vmaild_logins_total", result="throttled with others")), (3, 3))
        check_eq(page.sum("vmaild_logins_total", result="temporary"), 0)
        check_eq(json.loads(site.ctl("status", "--json"))["logins_throttled"], 3)


def top_once(env):
    """top for scripts: one screen of 80 columns, without a terminal and without escapes."""
    with watched(env) as (site, _):
        ask(site, 3)
        text = site.ctl("top", "--once")
        check("\x1b" not in text and "\r" not in text, text)
        check(all(len(line) <= 80 for line in text.splitlines()), text)
        for part in ("vmaild ", "MAP", "aliases", "LATENCY", "LOGINS/s", "store up"):
            check_in(part, text)
        check_eq(site.ctl_run("top").returncode, 2, "needs a terminal")
        check_eq(site.ctl_run("top", "--once", "--interval", "0").returncode, 2)


def register(suite):
    suite.add("metrics: what was asked is what is counted", counted)
    suite.add("metrics: counts outlive workers and generations", outlive)
    suite.add("metrics: health is that of the store", healthy)
    suite.add("metrics: the store is replaced between two questions", store_replaced)
    suite.add("metrics: nobody to tell", nobody)
    suite.add("metrics: whatever is sent, the next is answered", strangers)
    suite.add("metrics: a listener's path that is no UTF-8", odd_path)
    suite.add("metrics: each process reaches its own counts only", least)
    suite.add("metrics: manual, dashboard and rules know the names", names)
    suite.add("metrics: each reason of a refusal is counted", words)
    suite.add("metrics: who is sent away for what others tried is counted as throttled", guesses_shown)
    suite.add("metrics: top once", top_once)
