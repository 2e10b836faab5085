# SPDX-License-Identifier: ISC
#
# An SMTP server that takes every mail and remembers its envelope: what Postfix finally delivers, and to whom.

import re
import socketserver
import threading


class Handler(socketserver.StreamRequestHandler):
    """One client. Addresses are kept as they are on the wire, without the angle brackets."""

    def handle(self):
        self.say("220 sink.test ESMTP")
        sender, recipients = None, []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-sink.test", "250-8BITMIME", "250 SMTPUTF8")
            elif verb == b"MAIL":
                sender, recipients = self.address(line), []
                self.say("250 2.1.0 ok")
            elif verb == b"RCPT":
                recipients.append(self.address(line))
                self.say("250 2.1.5 ok")
            elif verb == b"DATA":
                self.say("354 go on")
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    pass
                if not line:
                    return  # a mail without its end is none
                self.server.taken(sender, recipients)
                self.say("250 2.0.0 ok")
            elif verb == b"QUIT":
                return
            else:
                self.say("250 2.0.0 ok")

    def say(self, *lines):
        self.wfile.write("".join(line + "\r\n" for line in lines).encode())

    @staticmethod
    def address(line):
        return re.search(rb":\s*<(.*)>", line)[1].decode("utf-8", "surrogateescape")


class Sink(socketserver.ThreadingTCPServer):
    """Listens on a port of its own on 127.0.0.1; `mails` is what came, {sender: recipients}."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        self.lock = threading.Lock()
        self.mails = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def taken(self, sender, recipients):
        with self.lock:
            self.mails.setdefault(sender, []).extend(recipients)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
