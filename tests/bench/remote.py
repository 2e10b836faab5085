# SPDX-License-Identifier: ISC
#
# A store on PostgreSQL: beside Postfix's own client of that server, and beside pgbench, which asks the server what
# vmaild asks it.

import os
import re
import statistics
import subprocess

from contestants import CLIENT_CPU, SERVER_CPU, Echo, Fixed, pinned, wait_idle
from data import CATCH_ALL_EVERY, PER_DOMAIN, SHARES, domains
from harness import check, scratch
from lookups import Stopped, postfix_tables, postmap_seconds
from parts import close_all, part
from postfix import Postfix
from report import Table

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = 100
SETTLING = 2  # seconds of pgbench's that do not count

# What an operator writes for Postfix's own client, by the view that is made for others to read.
VIEW = ("SELECT target FROM vmaild.v1_alias WHERE address = '%s' AND disabled = 0 "
        "AND (expires IS NULL OR expires > extract(epoch FROM now()))")
FLAT = "SELECT target FROM public.flat WHERE address = '%s'"


# --- one connection ------------------------------------------------------------------------------------

@part("postgres", 25)
def postgres(bench):
    """As the part "postmap", on a store that is a PostgreSQL server's: the same server and the same rows for all."""
    n, count = bench.form.main, bench.form.asked // 4
    data = bench.data(n)
    if "pgsql" not in postfix_tables():
        bench.note("Postfix here has no pgsql: left out")
        return
    running = []
    with scratch() as tmp:
        server = bench.store_on_postgres(data, tmp)
        if server is None:
            return
        try:
            running.append(server)
            tables = {"pgsql": "pgsql:" + server.table("view", VIEW), "flat": "pgsql:" + server.table("flat", FLAT)}
            tables.update({"proxy:" + name: "proxy:" + table for name, table in tables.items()})
            postfix = Postfix(os.path.join(tmp, "p"))
            postfix.configure("proxy_read_maps = %s\nvirtual_alias_domains =\n" % ", ".join(
                table for name, table in tables.items() if name.startswith("proxy")))
            postfix.start()
            running += [Stopped(postfix), echo := Echo(bench.build, tmp),
                        vmaild := bench.vmaild(tmp, server.uri).start()]
            fixed = [Fixed(name, table) for name, table in tables.items()]
            found = bench.series()
            for number in bench.rounds:
                whole, keys = data.keys("uniform", count, number), data.fixed("uniform", count, number)
                for one in [echo, vmaild] + fixed:
                    wait_idle()
                    start = postmap_seconds(postfix.config, one.table, os.devnull)
                    took = postmap_seconds(postfix.config, one.table, keys if one in fixed else whole)
                    found[one.name].add((took - start) / count * 1e6)
        finally:
            close_all(running)
    names = {"pgsql": "pgsql:, the store's view", "flat": "pgsql:, one row an address"}
    names.update({"proxy:" + name: "proxy:" + text for name, text in names.items()})
    ours = found["vmaild"]
    table = Table("A store on PostgreSQL, one connection, through postmap -q -, %d addresses" % n, "table",
                  "us a recipient", "vmaild is x times as fast")
    for name, series in sorted(found.items(), key=lambda item: item[1].median):
        table.row(names.get(name, name), series.spread(), "%.2f" % series.over(ours))
    table.note = ("The same server, on the same CPU, and the same rows for all of them: by the view v1_alias, which knows "
                  "of aliases that are off, and from a table of two columns that was made for the purpose.")
    bench.table(table)
    for name, wanted in (("pgsql", 2), ("proxy:pgsql", 4)):
        bench.at_least("PostgreSQL, one connection, times as fast as %s" % name, found[name].over(ours), wanted)


# --- many connections, beside pgbench --------------------------------------------------------------------

# One recipient of each kind as vmaild asks for it when it knows the domain, which is one for aliases alone: none of them
# has a tag, or is anything but its targets. Of the number of an address a to g are the digits; the digits of its domain's
# are among them.
USER, DOMAIN, NOBODY = "user:a:b:c:d:e:f:g", "d0:a:b:c:d.example", "nobody:v:w:x:y:z:t"
ELSEWHERE = "elsewhere.example"  # of which nothing is known but that it is not there
ASKED = ("ask_target", "ask_aliases", "ask_both")


def array(*keys):
    return "'{%s}'" % ",".join('"%s"' % key for key in keys)


def ask_target(local, domain):
    return "EXECUTE ask_target('%s@%s');" % (local, domain)


def ask_aliases(local, domain):
    """Where there is a catch-all."""
    return "EXECUTE ask_aliases(%s);" % array("%s@%s" % (local, domain), "@" + domain)


def ask_both(local, domain):
    address = "%s@%s" % (local, domain)
    return "EXECUTE ask_both(%s, %s);" % (array(address, "@" + domain), array(address))


def statement(name):
    """A statement, from where vmaild has it."""
    with open(os.path.join(HERE, os.pardir, os.pardir, "schema", "postgresql", "ask.sql")) as file:
        return re.search(r"(?ms)^-- %s$.*?^(SELECT.*?;)$" % name, file.read())[1]


def digits(value, names):
    return ["\\set %s (%s) / %d %% 10" % (name, value, 10 ** (len(names) - i - 1)) for i, name in enumerate(names)]


def script(n):
    """What each client of pgbench does again and again: the recipients of data.py, drawn by pgbench itself."""
    catching = (domains(n) + CATCH_ALL_EVERY - 1) // CATCH_ALL_EVERY
    ends, sum_ = {}, 0
    for kind, share in SHARES:
        sum_ += share
        ends[kind] = sum_
    # the domain in which somebody is caught, and the one behind it, in which he is not
    caught = "(:r %% %d) * %d" % (catching, CATCH_ALL_EVERY)
    missed = "least(%s + 1, %d)" % (caught, domains(n) - 1)
    return "\n".join([
        "\\if :prepared", "\\else", *("PREPARE %s AS %s" % (name, statement(name)) for name in ASKED),
        "\\set prepared 1", "\\endif",
        "\\set kind random(1, 100)", "\\set r random(0, %d)" % (n - 1), *digits("random(0, 999999)", "vwxyzt"),
        "\\if :kind <= %d" % ends["tag"], *digits(":r", "abcdefg"),
        "\\if :r / %d %% %d = 0" % (PER_DOMAIN, CATCH_ALL_EVERY), ask_aliases(USER, DOMAIN),
        "\\else", ask_target(USER, DOMAIN), "\\endif",
        "\\elif :kind <= %d" % ends["catch"], *digits(caught, "abcd"), ask_aliases(NOBODY, DOMAIN),
        "\\else", *digits(missed, "abcd"),
        ask_target(NOBODY, DOMAIN) if domains(n) > 1 else ask_both(NOBODY, ELSEWHERE),
        "\\endif", ""])


# As the settings of vmaild's own connections are.
SETTINGS = {"search_path": "vmaild", "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off",
            "default_transaction_read_only": "on", "role": "vmaild_lookup"}


def pgbench(server, n, seconds, path):
    """Questions a second, when each of its servers has prepared the statement and has come to know its memory. Without
    SECONDS each client asks twice, and that is all."""
    with open(path, "w") as out:
        out.write(script(n))
    length = ["-T", str(SETTLING + seconds), "-P", "1"] if seconds else ["-t", "2"]
    command = server.command("pgbench", "-n", "-M", "simple", "-c", str(CLIENTS), *length, "-D", "prepared=0",
                             "-h", server.folder, "-f", path, "mail")
    done = subprocess.run(pinned(CLIENT_CPU, *command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, env=dict(os.environ, PGOPTIONS=" ".join(
                              "-c %s=%s" % setting for setting in SETTINGS.items())))
    rates = [float(rate) for rate in re.findall(
        r"(?m)^progress: .*? ([\d.]+) tps" if seconds else r"(?m)^tps = ([\d.]+)", done.stdout)]
    rate = statistics.mean(rates[SETTLING if seconds else 0:] or [0])
    check(done.returncode == 0 and "ERROR" not in done.stdout and rate > 0, "pgbench:", done.stdout)
    return rate


@part("pgbench", 45)
def beside_pgbench(bench):
    """The server has a CPU for itself; pgbench, or vmaild and its clients, have the other."""
    form = bench.form
    sizes = form.sizes if bench.form_name == "full" else sorted({form.sizes[0], form.sizes[-1]})
    data = {n: bench.data(n) for n in sizes}
    seconds = 0 if bench.form_name == "smoke" else max(2, round(form.load))
    found, running, servers, vmailds = bench.series(), [], {}, {}
    with scratch() as tmp:
        try:
            for n in sizes:
                folder = os.path.join(tmp, str(n))
                servers[n] = bench.store_on_postgres(data[n], folder)
                if servers[n] is None:
                    return
                running.append(servers[n])
                vmailds[n] = bench.vmaild(folder, servers[n].uri, cpus=CLIENT_CPU).start()
                running.append(vmailds[n])
            for _ in bench.rounds:
                for n in sizes:
                    wait_idle()
                    found[n, "pgbench"].add(pgbench(servers[n], n, seconds, os.path.join(servers[n].folder, "script")))
                    wait_idle()
                    got = bench.load(vmailds[n].address, data[n].keys("uniform"), of=vmailds[n], connections=CLIENTS,
                                     seconds=seconds or form.load, warm=0.5)
                    check(got["other"] == 0 and got["temp"] == 0, got)
                    for what in ("rate", "cpu_us", "p50_us", "p99_us"):
                        found[n, what].add(got[what])
        finally:
            close_all(running)
    table = Table("A store on PostgreSQL, %d connections" % CLIENTS, "addresses", "pgbench, a second",
                  "vmaild, lookups a second", "share", "CPU of vmaild, us", "p50, us", "p99, us")
    for n in sizes:
        table.row(n, found[n, "pgbench"].spread(0), found[n, "rate"].spread(0),
                  "%.2f" % found[n, "rate"].over(found[n, "pgbench"]), "%.1f" % found[n, "cpu_us"].median,
                  *("%.0f" % found[n, what].median for what in ("p50_us", "p99_us")))
    table.note = ("Uniform keys. The server is alone on CPU %s; on CPU %s is pgbench, or vmaild with its clients. pgbench "
                  "has %d connections to the server and runs what vmaild has prepared there for an address of a domain that "
                  "it knows, with recipients of the same kinds; vmaild has as many clients, and two connections to the server." % (
                      SERVER_CPU, CLIENT_CPU, CLIENTS))
    bench.table(table)
    bench.at_least("PostgreSQL, %d connections, share of pgbench" % CLIENTS,
                   found[sizes[-1], "rate"].over(found[sizes[-1], "pgbench"]), 0.8)
    bench.at_least("PostgreSQL, throughput at %d addresses, of that at %d" % (sizes[-1], sizes[0]),
                   found[sizes[-1], "rate"].over(found[sizes[0], "rate"]), 0.85)
