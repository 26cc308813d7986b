# SPDX-License-Identifier: Apache-2.0
"""A hub of models on 127.0.0.1: names, revisions, redirects to a second server for weights, ranges, ETags - and what
goes wrong with them. It counts what it serves."""

import hashlib
import http.server
import json
import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

CHUNK = 1 << 14
RANGE = re.compile(r"bytes=(\d+)-(\d*)$")


def commit_of(text):
    return hashlib.sha1(text.encode()).hexdigest()


@dataclass
class Repository:
    files: dict                      # name -> bytes
    commit: str
    licence: str = None
    token: str = None                # only who brings it may read
    gated: bool = False              # names are seen, files are not without the token
    revisions: tuple = ("main",)


@dataclass
class Served:
    """One request and what was sent of it."""

    method: str
    path: str
    range: str
    token: str
    status: int = 0
    sent: int = 0


@dataclass
class Faults:
    break_after: list = field(default_factory=list)    # the next transfers of weights end after so many bytes
    answers: list = field(default_factory=list)        # (part of a path, status, headers): given once each
    after_break: list = field(default_factory=list)    # answers that become due when a transfer has been broken
    ranges: bool = True
    seconds_a_chunk: float = 0.0
    stall_at: int = None             # a transfer of weights that has sent so much waits for go_on
    lie_in_content_range: bool = False


class LocalHub:
    """with LocalHub() as hub: hub.add("owner/model", files); hub.environment(cache) is what a program needs."""

    def __init__(self):
        self.repositories, self.faults, self.log = {}, Faults(), []
        self.go_on = threading.Event()
        self.servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self, is_cdn))
                        for is_cdn in (False, True)]
        self.url, self.cdn_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in self.servers)

    def __enter__(self):
        for server in self.servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.go_on.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def add(self, name, files, **facts):
        facts.setdefault("commit", commit_of(name))
        self.repositories[name] = Repository(files, **facts)
        return name

    def environment(self, cache):
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(cache / "hf"), "XDG_CACHE_HOME": str(cache / "xdg"),
                "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def weights_served(self):
        """The range requests of weights that were answered, and the bytes of them that were sent."""
        served = [entry for entry in self.log if entry.path.startswith("/cdn/")]
        return served, sum(entry.sent for entry in served)


def handler_of(hub, is_cdn):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer()

        def do_GET(self):
            self.answer()

        def answer(self):
            path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
            self.entry = Served(self.command, path, self.headers.get("Range"), self.headers.get("Authorization"))
            hub.log.append(self.entry)
            try:
                self.dispatch(path)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def dispatch(self, path):
            for fault in hub.faults.answers:
                if fault[0] in path:
                    hub.faults.answers.remove(fault)
                    return self.reply(fault[1], b"wait" if self.command == "GET" else b"", fault[2])
            if is_cdn:
                return self.serve_weights(path)
            api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path)
            if api:
                return self.serve_info(*api.groups())
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            return self.serve_file(*file.groups()) if file else self.reply(404)

        def may_read(self, repository):
            return repository.token is None or self.headers.get("Authorization") == f"Bearer {repository.token}"

        def found(self, name, revision):
            """The repository at that revision; None once an error has been sent."""
            repository = hub.repositories.get(name)
            if repository is None or not (repository.gated or self.may_read(repository)):
                return self.reply(401, headers={"X-Error-Code": "RepoNotFound"})
            if revision and revision not in (*repository.revisions, repository.commit):
                return self.reply(404, headers={"X-Error-Code": "RevisionNotFound"})
            return repository

        def serve_info(self, name, revision):
            repository = self.found(name, revision)
            if repository is None:
                return
            siblings = [{"rfilename": file, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
                        for file, content in repository.files.items()]
            info = {"_id": "1", "id": name, "modelId": name, "sha": repository.commit, "siblings": siblings,
                    "private": False, "tags": [], "downloads": 0, "likes": 0,
                    "cardData": {"license": repository.licence} if repository.licence else {}}
            self.reply(200, json.dumps(info).encode(), {"Content-Type": "application/json"})

        def serve_file(self, name, revision, file):
            repository = self.found(name, revision)
            if repository is None:
                return
            if repository.gated and not self.may_read(repository):
                return self.reply(403, headers={"X-Error-Code": "GatedRepo"})
            if file not in repository.files:
                return self.reply(404, headers={"X-Error-Code": "EntryNotFound"})
            content = repository.files[file]
            etag = hashlib.sha256(content).hexdigest()
            headers = {"X-Repo-Commit": repository.commit}
            if not file.endswith(".safetensors"):
                return self.reply(200, content, headers | {"ETag": f'"{etag}"'})
            self.reply(302, headers=headers | {
                "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content)), "ETag": '"of the redirect"',
                "Location": f"{hub.cdn_url}/cdn/{name}/{repository.commit}/{file}?signature=1"})

        def serve_weights(self, path):
            owner, model, _, file = path.removeprefix("/cdn/").split("/", 3)
            content = hub.repositories[f"{owner}/{model}"].files[file]
            asked = RANGE.match(self.headers.get("Range") or "") if hub.faults.ranges else None
            if not asked:
                return self.send_slowly(200, content, {"ETag": '"of the cdn"'})
            begin, end = int(asked[1]), int(asked[2] or len(content) - 1) + 1
            if begin >= len(content):
                return self.reply(416, headers={"Content-Range": f"bytes */{len(content)}"})
            total = len(content) + (1 if hub.faults.lie_in_content_range else 0)
            self.send_slowly(206, content[begin:end], {"Content-Range": f"bytes {begin}-{min(end, len(content)) - 1}/{total}"})

        def send_slowly(self, status, content, headers):
            self.start(status, len(content), headers)
            limit = len(content)
            if self.command == "GET" and hub.faults.break_after and len(content) > hub.faults.break_after[0]:
                limit = hub.faults.break_after.pop(0)
            for at in range(0, limit if self.command == "GET" else 0, CHUNK):
                if hub.faults.stall_at is not None and at >= hub.faults.stall_at:
                    hub.go_on.wait(60)
                chunk = content[at:min(at + CHUNK, limit)]
                self.wfile.write(chunk)
                self.entry.sent += len(chunk)
                time.sleep(hub.faults.seconds_a_chunk)
            if limit < len(content):
                self.wfile.flush()
                hub.faults.answers += hub.faults.after_break
                self.connection.close()
                self.close_connection = True

        def start(self, status, length, headers):
            self.entry.status = status
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(length)}.items():
                self.send_header(key, value)
            self.end_headers()

        def reply(self, status, content=b"", headers=None):
            self.start(status, len(content), headers or {})
            if self.command == "GET":
                self.wfile.write(content)
                self.entry.sent += len(content)

    return Handler
