# SPDX-License-Identifier: ISC
#
# The socketmap server that one writes in an afternoon: asyncio and sqlite3, the three questions of a fixed table.
#
#   socketmap.py PATH-OF-SOCKET PATH-OF-DATABASE

import asyncio
import sqlite3
import sys


def look_up(db, who):
    local, _, at = who.partition("@")
    for key in (who, local.partition("+")[0] + "@" + at, "@" + at):
        row = db.execute("SELECT target FROM alias WHERE address = ?", (key,)).fetchone()
        if row is not None:
            return "OK " + row[0]
    return "NOTFOUND "


async def serve(db, reader, writer):
    try:
        while True:
            n = int((await reader.readuntil(b":"))[:-1])
            request = (await reader.readexactly(n + 1))[:-1].decode()
            answer = look_up(db, request.partition(" ")[2]).encode()
            writer.write(b"%d:%s," % (len(answer), answer))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(path, database):
    db = sqlite3.connect("file:%s?mode=ro" % database, uri=True)
    server = await asyncio.start_unix_server(lambda r, w: serve(db, r, w), path, backlog=4096)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
