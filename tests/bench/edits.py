# SPDX-License-Identifier: ISC
#
# Edits aliases of a store one after another, each in a transaction with its line of the change log, as vmailctl
# does. After every commit it asks the daemon, and counts the answers that are not of that edit.
#
#   edits.py STORE SOCKET EDITS-A-SECOND
#
# It says "ready", works until SIGTERM, and then reports one line of JSON.

import json
import os
import signal
import socket
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

from data import address  # noqa: E402

ALIASES = 500


def edit(sq, who, target):
    sq.execute("BEGIN IMMEDIATE")
    sq.execute("UPDATE alias_target SET target = ?1, folded = ?1, domain = 'edited.example' WHERE address = ?2",
               (target, who))
    sq.execute("INSERT INTO change (at, who, what, subject, after) VALUES (1, 'bench', 'alias set', ?, ?)",
               (who, target))
    sq.execute("COMMIT")


def ask(client, who):
    request = b"aliases " + who.encode()
    client.sendall(b"%d:%s," % (len(request), request))
    return client.recv(1000)


def main(store, path, rate):
    on = [True]
    signal.signal(signal.SIGTERM, lambda *_: on.clear())
    sq = sqlite3.connect(store, isolation_level=None, timeout=10)
    sq.execute("PRAGMA synchronous = FULL")
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    print("ready", flush=True)
    began, done, stale = time.monotonic(), 0, 0
    while on:
        who, target = address(done % ALIASES), "box%09d@edited.example" % done
        edit(sq, who, target)
        stale += target.encode() not in ask(client, who)
        done += 1
        ahead = began + done / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    print(json.dumps({"edits": done, "stale": stale, "rate": done / (time.monotonic() - began)}))


main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
