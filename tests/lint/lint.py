"""Says what REDbot and httplint find in the answers of a server.

    python lint.py http://127.0.0.1:8080 < requests

A request is a line: a method, a path, and fields as name=value, with tabs between. A GET without
fields is left to REDbot, which also asks again with conditions, ranges and codings; the answers to
all others are read by httplint alone. What is found comes out as lines of level, name of the note,
method, path and summary, with tabs between.
"""

import configparser
import http.client
import sys
import urllib.parse

import thor
from httplint import HttpResponseLinter
from redbot.resource import HttpResource


def main():
    origin = sys.argv[1]
    requests = [line.split("\t") for line in sys.stdin.read().splitlines()]
    plain = [path for method, path, *fields in requests if method == "GET" and not fields]
    found = ask_redbot(origin, plain)
    for method, path, *fields in requests:
        if method == "GET" and not fields:
            notes = found[path]
        else:
            notes = ask(origin, method, path, [field.split("=", 1) for field in fields])
        for note in flat(notes):
            row = (note.level.name, type(note).__name__, method, path, note.summary)
            print("\t".join(" ".join(part.split()) for part in row))


def flat(notes):
    for note in notes:
        yield note
        yield from flat(note.subnotes)


def ask_redbot(origin, paths):
    """The notes on each path. Its loop runs once in a process: all are asked for in one."""
    settings = configparser.ConfigParser()
    settings.read_dict({"redbot": {"enable_local_access": "True"}})
    resources = {path: HttpResource(settings["redbot"]) for path in paths}
    waiting = set(paths)

    def done(path):
        waiting.discard(path)
        if not waiting:
            thor.stop()

    for path, resource in resources.items():
        resource.set_request(origin + path)
        resource.once("check_done", lambda path=path: done(path))
        resource.check()
    if waiting:
        thor.run()
    for path, resource in resources.items():
        if not resource.response.complete:
            sys.exit(f"no whole answer from {origin}{path}: {resource.fetch_error}")
    return {path: resource.response.notes for path, resource in resources.items()}


def ask(origin, method, path, fields):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(origin).netloc, timeout=60)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in fields:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    linter = HttpResponseLinter(no_content=method == "HEAD")
    linter.process_response_topline(
        b"HTTP/1.1", str(answer.status).encode(), answer.reason.encode()
    )
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.getheaders()]
    linter.process_headers(headers)
    linter.feed_content(answer.read())
    linter.finish_content(True)
    connection.close()
    return linter.notes


main()
