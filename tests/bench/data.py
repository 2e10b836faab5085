# SPDX-License-Identifier: ISC
#
# The data of the bench, the same on every machine: N addresses that lead somewhere else, in a store of vmaild
# and in every table that Postfix would read instead, and the recipients that are asked for.
#
# There are as many recipients as addresses. 60 % of them are written as they stand, 15 % carry an extension, 5 % are
# caught by a catch-all and 20 % are nobody. They are asked for by one of three laws: each once before any is asked for
# again; by Zipf's law, as mail is; or by Zipf's law but with strangers, when who is caught and who is nobody has never
# been asked for before, as is tried by those who guess.

import bisect
import contextlib
import functools
import glob
import hashlib
import itertools
import os
import random
import re
import shutil
import sqlite3
import subprocess
import tempfile

PER_DOMAIN = 1000
CATCH_ALL_EVERY = 10  # every such domain has a catch-all

SHARES = (("hit", 60), ("tag", 15), ("catch", 5), ("miss", 20))
ZIPF = 1.0
ASKED = 1_000_000  # recipients in a key file of the load generator, at the most


def domain(d):
    return "d%05d.example" % d


def address(i):
    return "user%07d@%s" % (i, domain(i // PER_DOMAIN))


def target(i):
    return "box%07d@target%03d.example" % (i, i % 997)


def domains(n):
    return (n + PER_DOMAIN - 1) // PER_DOMAIN


def catches(d):
    return d % CATCH_ALL_EVERY == 0


def pairs(n):
    """Every key and value of a fixed table, in the order of the keys."""
    for d in range(domains(n)):
        if catches(d):
            yield "@" + domain(d), "catch%05d@target000.example" % d
        for i in range(d * PER_DOMAIN, min(n, (d + 1) * PER_DOMAIN)):
            yield address(i), target(i)


KEY = re.compile(r"(?:user(\d+))?@d(\d+)\.example")


def is_key(key, n):
    """Whether pairs(N) has it, without making them all."""
    match = KEY.fullmatch(key)
    if not match:
        return False
    d = int(match[2])
    if match[1] is None:
        return d < domains(n) and catches(d)
    return int(match[1]) < n and int(match[1]) // PER_DOMAIN == d


# --- the store ------------------------------------------------------------------------------------

# The same pairs, made by SQLite itself: that is ten times as fast.
PAIRS = """
WITH RECURSIVE d(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM d WHERE n + 1 < :domains),
               i(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n + 1 < :n),
pair(key, domain, value, target) AS (
    SELECT printf('@d%05d.example', n), printf('d%05d.example', n), printf('catch%05d@target000.example', n),
           'target000.example' FROM d WHERE n % :catch_all_every = 0
    UNION ALL
    SELECT printf('user%07d@d%05d.example', n, n / :per_domain), printf('d%05d.example', n / :per_domain),
           printf('box%07d@target%03d.example', n, n % 997), printf('target%03d.example', n % 997) FROM i)
"""
FILL = (
    "INSERT INTO domain (name, kind, created) " + PAIRS + "SELECT printf('d%05d.example', n), 'alias', 1 FROM d",
    "INSERT INTO alias (address, domain, created) " + PAIRS + "SELECT key, domain, 1 FROM pair",
    "INSERT INTO alias_target (address, position, target, folded, domain) " + PAIRS +
    "SELECT key, 1, value, value, target FROM pair",
)


# And by PostgreSQL, whose foreign keys are left alone for it: they cost more than all the rest.
POSTGRES_FILL = """
SET session_replication_role = replica;
SET search_path = vmaild;
CREATE TEMPORARY TABLE pair AS
    SELECT '@' || d AS key, d AS domain, format('catch%%s@target000.example', lpad(n::text, 5, '0')) AS value,
        'target000.example' AS target
    FROM generate_series(0, %(domains)d - 1, %(catch_all_every)d) n, concat('d', lpad(n::text, 5, '0'), '.example') d
    UNION ALL
    SELECT format('user%%s@%%s', lpad(n::text, 7, '0'), d), d, format('box%%s@%%s', lpad(n::text, 7, '0'), t), t
    FROM generate_series(0, %(n)d - 1) n,
        concat('d', lpad((n / %(per_domain)d)::text, 5, '0'), '.example') d,
        concat('target', lpad((n %% 997)::text, 3, '0'), '.example') t;
INSERT INTO domain (name, kind, created)
    SELECT concat('d', lpad(n::text, 5, '0'), '.example'), 'alias', 1 FROM generate_series(0, %(domains)d - 1) n;
INSERT INTO alias (address, domain, created) SELECT key, domain, 1 FROM pair;
INSERT INTO alias_target (address, position, target, folded, domain) SELECT key, 1, value, value, target FROM pair;
CREATE TABLE public.flat (address text COLLATE "C" PRIMARY KEY, target text NOT NULL);
INSERT INTO public.flat SELECT key, value FROM pair;
GRANT SELECT ON public.flat TO PUBLIC;
DROP TABLE pair;
"""


def numbers(n):
    return {"n": n, "domains": domains(n), "per_domain": PER_DOMAIN, "catch_all_every": CATCH_ALL_EVERY}


def fill(path, n):
    """Put them into an empty store as no admin would: by SQL, for the making of it is no part of a bench."""
    sq = sqlite3.connect(path, isolation_level=None)
    sq.execute("PRAGMA synchronous = OFF")
    sq.execute("PRAGMA cache_size = -262144")  # KiB: indexes are not filled in their order
    sq.execute("BEGIN")
    for statement in FILL:
        sq.execute(statement, numbers(n))
    sq.execute("COMMIT")
    sq.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sq.close()


# --- what Postfix would read instead ----------------------------------------------------------------

def source(path, n):
    """The text that postmap reads."""
    with open(path, "w") as out:
        out.writelines("%s %s\n" % pair for pair in pairs(n))


POSTMAP_CF = "compatibility_level = 3.6\nberkeley_db_create_buffer_size = 268435456\n"


def postmap(kind, path):
    with tempfile.TemporaryDirectory(prefix="vm-") as config:
        write(os.path.join(config, "main.cf"), [POSTMAP_CF])
        subprocess.run(["postmap", "-c", config, "%s:%s" % (kind, path)], check=True)


def sqlite_table(path, n):
    """One row an address, in WAL mode: the best that a fixed table can be."""
    sq = sqlite3.connect(path, isolation_level=None)
    sq.execute("PRAGMA journal_mode = WAL")
    sq.execute("PRAGMA synchronous = OFF")
    sq.execute("PRAGMA cache_size = -262144")
    sq.execute("BEGIN")
    sq.execute("CREATE TABLE alias (address TEXT PRIMARY KEY, target TEXT NOT NULL) WITHOUT ROWID")
    sq.execute("INSERT INTO alias " + PAIRS + "SELECT key, value FROM pair", numbers(n))
    sq.execute("COMMIT")
    sq.close()


def copy_text(path, n):
    """What PostgreSQL's COPY reads."""
    with open(path, "w") as out:
        out.writelines("%s\t%s\n" % pair for pair in pairs(n))


# --- who is asked for --------------------------------------------------------------------------------

KINDS = tuple(itertools.chain.from_iterable([kind] * share for kind, share in SHARES))
APART = 2_654_435_761  # a prime: what goes in steps of it is everywhere in the data, and comes back when all was seen


def recipient(i, n, stranger=None):
    """The recipient with that number. Who is in no store as he is may be a STRANGER, by another number."""
    kind = KINDS[i * APART // n % 100]
    if kind == "hit":
        return address(i)
    if kind == "tag":
        local, _, at = address(i).partition("@")
        return "%s+t%d@%s" % (local, i % 10, at)
    caught = i // PER_DOMAIN // CATCH_ALL_EVERY * CATCH_ALL_EVERY
    who = i if stranger is None else stranger
    if kind == "catch":
        return "nobody%07d@%s" % (who, domain(caught))
    if domains(n) == 1:
        return "nobody%07d@elsewhere.example" % who
    return "nobody%07d@%s" % (who, domain(min(caught + 1, domains(n) - 1)))


def ranks(draw, n):
    """Numbers by Zipf's law, drawn by the inverse of the sum of 1/k. Each rank is somewhere else in the data."""
    sums = list(itertools.accumulate(1 / (k + 1) ** ZIPF for k in range(n)))
    while True:
        yield bisect.bisect(sums, draw.random() * sums[-1]) * APART % n


def recipients(n, law, count, turn):
    draw = random.Random("%s %d %d" % (law, n, turn))
    if law == "uniform":
        first = draw.randrange(n)
        return (recipient((first + k * APART) % n, n) for k in range(count))
    strange = law == "strangers"
    return (recipient(i, n, turn * count + k if strange else None)
            for k, i in enumerate(itertools.islice(ranks(draw, n), count)))


def fixed_keys(who, n):
    """What Postfix asks a fixed table for one recipient: until something is there."""
    local, _, at = who.partition("@")
    for key in (who, local.partition("+")[0] + "@" + at if "+" in local else None, "@" + at):
        if key is not None:
            yield key
            if is_key(key, n):
                return


def write(path, lines):
    with open(path, "w") as out:
        out.writelines(line + "\n" for line in lines)
    return path


@functools.cache
def stamp():
    """Data is made anew when how it is made has changed: this program, or the schema of the store."""
    here = os.path.dirname(os.path.abspath(__file__))
    files = [__file__, *sorted(glob.glob(os.path.join(here, os.pardir, os.pardir, "schema", "*", "[0-9]*.sql")))]
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:12]


def forget_older(folder):
    """Remove what other versions of this program have left."""
    for path in glob.glob(os.path.join(folder, "*")):
        name = os.path.basename(path)
        if re.fullmatch(r"[0-9a-f]{12}-\d+", name) and not name.startswith(stamp()):
            shutil.rmtree(path, ignore_errors=True)


class Data:
    """All files for N addresses below a folder, made when they are asked for. INIT(path) makes an empty store."""

    def __init__(self, folder, n, init):
        self.folder = os.path.join(folder, "%s-%d" % (stamp(), n))
        self.n = n
        self.init = init
        os.makedirs(self.folder, exist_ok=True)

    def made(self, name, make):
        """The path of a file, which MAKE(path) makes unless it is there: what was broken off is made again."""
        path = os.path.join(self.folder, name)
        if not os.path.exists(path + ".made"):
            for left in (path, path + "-wal", path + "-shm"):
                with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                    os.unlink(left)
            make(path)
            write(path + ".made", [])
        return path

    def store(self):
        def make(path):
            self.init(path)
            fill(path, self.n)
        return self.made("vmail.db", make)

    def source(self):
        return self.made("virtual", lambda path: source(path, self.n))

    def table(self, kind):
        """A table that postmap makes: the name to give to Postfix."""
        base = self.source()
        self.made("virtual-" + kind, lambda path: postmap(kind, base))
        return "%s:%s" % (kind, base)

    def sqlite(self):
        return self.made("flat.db", lambda path: sqlite_table(path, self.n))

    def postgres(self, serve, init):
        """The folder of a PostgreSQL server with the same store in its database, and the fixed table as well.
        SERVE(path) starts one, INIT(uri) makes an empty store."""
        def make(path):
            shutil.rmtree(path, ignore_errors=True)
            server = serve(path)
            try:
                init(server.uri)
                server.sql(POSTGRES_FILL % numbers(self.n), "mail")
                server.sql("VACUUM ANALYZE", "mail")
                server.sql("CHECKPOINT")
            finally:
                server.close()
        return os.path.join(self.made("postgres", make), "data")

    def copy_text(self):
        return self.made("copy", lambda path: copy_text(path, self.n))

    def keys(self, law="uniform", count=None, turn=0):
        """Recipients to ask for: others in every TURN, so that no answer is remembered from the last. Without COUNT
        they are enough for the load generator, which begins somewhere else in them each time."""
        count = count or max(200_000, min(self.n, ASKED))
        return self.made("keys-%s-%d-%d" % (law, count, turn),
                         lambda path: write(path, recipients(self.n, law, count, turn)))

    def fixed(self, law, count, turn):
        """The same recipients, as the keys that Postfix asks a fixed table for."""
        def make(path):
            with open(self.keys(law, count, turn)) as asked:
                write(path, (key for who in asked for key in fixed_keys(who.rstrip("\n"), self.n)))
        return self.made("fixed-%s-%d-%d" % (law, count, turn), make)
