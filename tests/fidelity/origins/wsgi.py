"""A WSGI application on the server of Python's own library."""

import base64
import hashlib
import http
import json
import os
import time
from email.utils import formatdate, parsedate_to_datetime
from mimetypes import guess_type
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

PAUSE_SECONDS = 0.2
FILES = os.environ["FILES"]
with open(os.environ["REPLIES"], encoding="utf-8") as file:
    REPLIES = json.load(file)


def read_body(environ):
    stream = environ["wsgi.input"]
    if environ.get("HTTP_TRANSFER_ENCODING") != "chunked":
        length = environ.get("CONTENT_LENGTH") or "0"
        return stream.read(int(length) if length.isdigit() else 0)
    # The server leaves the chunks to the application.
    body = b""
    while size := int(stream.readline().split(b";")[0] or b"0", 16):
        body += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return body


def echo(environ, start_response):
    body = read_body(environ)
    query = environ.get("QUERY_STRING", "")
    told = {
        "method": environ["REQUEST_METHOD"],
        "url": environ["PATH_INFO"] + ("?" + query if query else ""),
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


def reply(wanted, start_response):
    status = wanted.get("status", 200)
    known = {code.value: code.phrase for code in http.HTTPStatus}
    reason = wanted.get("reason", known.get(status, "Unknown"))
    headers = [(name, value) for name, value in wanted.get("headers", []) if name != "Trailer"]
    start_response(f"{status} {reason}", headers)
    if "parts" not in wanted:
        return [base64.b64decode(wanted.get("body", ""))]
    return paused(wanted["parts"])


def paused(parts):
    for index, part in enumerate(parts):
        if index > 0:
            time.sleep(PAUSE_SECONDS)
        yield part.encode()


def send_file(environ, start_response):
    path = os.path.normpath(FILES + environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"))
    if "\0" in path or not path.startswith(FILES) or not os.path.isfile(path):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found"]
    modified = int(os.path.getmtime(path))
    tag = f'"{modified:x}-{os.path.getsize(path):x}"'
    headers = [("ETag", tag), ("Last-Modified", formatdate(modified, usegmt=True))]
    if is_known(environ, tag, modified):
        start_response("304 Not Modified", headers)
        return []
    start_response("200 OK", [*headers, ("Content-Type", guess_type(path)[0] or "application/octet-stream")])
    with open(path, "rb") as content:
        return [content.read()]


def is_known(environ, tag, modified):
    if "HTTP_IF_NONE_MATCH" in environ:
        return environ["HTTP_IF_NONE_MATCH"] in (tag, "*")
    try:
        return modified <= parsedate_to_datetime(environ["HTTP_IF_MODIFIED_SINCE"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return False


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/echo" or path.startswith("/echo/"):
        return echo(environ, start_response)
    wanted = REPLIES.get(path.removeprefix("/reply/"))
    return send_file(environ, start_response) if wanted is None else reply(wanted, start_response)


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *_):
        """Says nothing."""


make_server("127.0.0.1", int(os.environ["PORT"]), app, Server, Handler).serve_forever()
