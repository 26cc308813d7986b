# SPDX-License-Identifier: Apache-2.0
"""A model on a hub: names, revisions, files, and the bytes of single tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from collections.abc import Callable

from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (EntryNotFoundError, GatedRepoError, HfHubHTTPError, HFValidationError,
                                    LocalEntryNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError,
                                    RevisionNotFoundError)

from hub.cache import Parts, cache_root, key_of, put
from hub.headers import LENGTH_BYTES, Place, header_length, parse_header
from hub.local_source import (INDEX, MOST_JSON_BYTES, FileReader, files_by_header, files_by_index, weight_files)
from hub.progress import Progress, human
from hub.ranges import NoRanges, RemoteFile, Unreachable, patiently, stream
from hub.strict_json import parse_object
from w4fixture import InputError


class HubSource:
    """REPO at one commit. Throws InputError, one line, for what the hub refuses."""

    def __init__(self, repository: str, revision: str | None, program: str) -> None:
        self.repository, self.requested, self.program = repository, revision, program
        self.label = repository
        self.root = cache_root()
        self._headers: dict[str, dict[str, Place]] = {}
        self._remote: dict[str, tuple[RemoteFile, Parts, str]] = {}
        self._whole: dict[str, FileReader] = {}
        self._files: dict[str, str] | None = None
        self._info: Any = None
        self.commit = self._resolve()

    # ---- names and revisions -----------------------------------------------------------------------------------------

    def _resolve(self) -> str:
        """The commit; what it was last time when there is no network."""
        known = self.root / "refs" / key_of(constants.ENDPOINT, self.repository, self.requested or "")
        try:
            self._info = self._asked(lambda: HfApi().model_info(self.repository, revision=self.requested,
                                                                files_metadata=True))
        except Unreachable as error:
            if not known.is_file():
                raise
            self.say(f"{error}; going on with the commit it had last time")
            return known.read_text(encoding="ascii")
        commit = self._info.sha
        if not isinstance(commit, str) or not commit.isalnum():
            raise InputError(f"{self.repository}: the hub names the commit {commit!r}")
        put(known, commit.encode("ascii"))
        return commit

    def _asked(self, call: Callable[[], Any], file: str = "") -> Any:
        what = f"{self.repository}{': ' + file if file else ''}"
        try:
            return patiently(what, call, self.say)
        except OfflineModeIsEnabled as error:
            raise Unreachable(f"{what}: HF_HUB_OFFLINE is set, nothing is asked of the hub") from error
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
            raise InputError(self._refusal(error, what)) from error
        except OSError:
            raise
        except ValueError as error:    # what the library makes of an answer that is none
            raise InputError(f"{what}: the hub's answer cannot be read: {str(error).splitlines()[0][:160]}") from error

    def _refusal(self, error: Exception, what: str) -> str:
        status = getattr(getattr(error, "response", None), "status_code", None)
        revision = self.requested or "main"
        if isinstance(error, HFValidationError):
            return f"{what}: neither a file or folder here nor a name like OWNER/MODEL"
        if isinstance(error, GatedRepoError):
            return (f"{what}: access needs its licence accepted ({status}): open the model's page with your account, "
                    f"accept it, and set HF_TOKEN to a token of that account")
        if isinstance(error, RevisionNotFoundError):
            return f"{what}: no revision '{revision}' ({status}): give --revision a branch, a tag or a commit of it"
        if isinstance(error, EntryNotFoundError):
            return f"{what}: no such file at revision '{revision}' ({status})"
        if status == 403:
            return f"{what}: access is refused (403): the token in HF_TOKEN has no right to read this repository"
        if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
            return (f"{what}: no such repository, or it is private ({status}): check the name; for a private one set "
                    f"HF_TOKEN to a token that may read it")
        return f"{what}: the hub answers {status}" if status else f"{what}: {str(error).splitlines()[0][:200]}"

    def say(self, text: str) -> None:
        Progress(self.program, 0).say(text)

    def say_where(self, file: str) -> str:
        return f"{self.repository}: {file}"

    def provenance(self) -> dict[str, Any]:
        return {"repository": self.repository, "revision": self.commit} | (
            {"requested_revision": self.requested} if self.requested else {})

    def licence(self) -> str | None:
        card = getattr(self._info, "card_data", None)
        named = card.get("license") if card else None
        return named if isinstance(named, str) else None

    # ---- small files -------------------------------------------------------------------------------------------------

    def _sizes(self) -> dict[str, int | None] | None:
        """File -> bytes, None where the hub could not be asked."""
        if self._info is None:
            return None
        return {sibling.rfilename: sibling.size for sibling in self._info.siblings or []}

    def read_json(self, name: str) -> dict[str, Any] | None:
        sizes = self._sizes()
        if sizes is not None and name not in sizes:
            return None
        size = (sizes or {}).get(name)
        if size is not None and size > MOST_JSON_BYTES:
            raise InputError(f"{self.say_where(name)}: {size} bytes, at most {MOST_JSON_BYTES} are read")
        try:
            path = self._asked(lambda: self._download(name), name)
        except Unreachable:
            if sizes is None:
                return None    # no network, and not there last time either
            raise
        return parse_object(Path(path).read_bytes(), self.say_where(name))

    def _download(self, name: str) -> str:
        try:
            return hf_hub_download(self.repository, name, revision=self.commit, tqdm_class=Silent)
        except LocalEntryNotFoundError as error:    # around whatever kept it from asking: a 429 is worth another try
            raise error.__cause__ or error    # noqa: B904

    def files(self) -> dict[str, str]:
        """Tensor -> file."""
        if self._files is None:
            index = self.read_json(INDEX)
            if index is not None:
                self._files = files_by_index(index, self.say_where(INDEX))
            elif self._sizes() is not None:
                self._files = files_by_header(self, weight_files(list(self._sizes()), self.label))
            else:
                raise InputError(f"{self.label}: its files are not known without the hub")
        return self._files

    # ---- tensors -----------------------------------------------------------------------------------------------------

    def _shard(self, file: str) -> tuple[RemoteFile, Parts, str]:
        if file not in self._remote:
            url = hf_hub_url(self.repository, file, revision=self.commit)
            seen = self._asked(lambda: get_hf_file_metadata(url), file)
            if seen.size is None or seen.etag is None:
                raise InputError(f"{self.say_where(file)}: the server says neither its size nor its ETag")
            key = key_of(constants.ENDPOINT, self.repository, self.commit, seen.etag, file)
            self._remote[file] = RemoteFile(url, self.say_where(file), seen.size), Parts(self.root, key), key
        return self._remote[file]

    def header(self, file: str) -> dict[str, Place]:
        if file not in self._headers:
            remote, _, key = self._shard(file)
            kept = self.root / "headers" / key
            if not kept.is_file() and file not in self._whole:
                self._keep_header(file, remote, kept)
            self._headers[file] = (self._whole[file].header() if file in self._whole else
                                   parse_header(kept.read_bytes(), remote.size, remote.where))
        return self._headers[file]

    def _keep_header(self, file: str, remote: RemoteFile, kept: Path) -> None:
        try:
            first = self._bytes(remote, 0, min(LENGTH_BYTES, remote.size))
            length = header_length(first, remote.size, remote.where)
            text = self._bytes(remote, LENGTH_BYTES, LENGTH_BYTES + length)
        except NoRanges:
            self._take_whole(file, remote)
            return
        parse_header(text, remote.size, remote.where)    # nothing unsound is kept
        put(kept, text)

    def _bytes(self, remote: RemoteFile, begin: int, end: int) -> bytes:
        content = bytearray()
        self._streamed(remote, begin, end, lambda offset, chunk: content.extend(chunk))
        return bytes(content)

    def _streamed(self, remote: RemoteFile, begin: int, end: int, sink: Callable[[int, memoryview], Any]) -> None:
        try:
            stream(remote, begin, end, sink, self.say)
        except OfflineModeIsEnabled as error:
            raise InputError(f"{remote.where}: HF_HUB_OFFLINE is set, nothing is asked of the hub") from error
        except HfHubHTTPError as error:
            raise InputError(self._refusal(error, remote.where)) from error

    def _take_whole(self, file: str, remote: RemoteFile) -> None:
        self.say(f"{remote.where}: the server gives no byte ranges, so the whole file is fetched: {human(remote.size)}")
        path = self._asked(lambda: hf_hub_download(self.repository, file, revision=self.commit), file)
        self._whole[file] = FileReader(Path(path))
        if self._whole[file].size != remote.size:
            raise InputError(f"{remote.where}: {self._whole[file].size} bytes came, the hub said {remote.size}")

    def missing_bytes(self, file: str, places: list[Place]) -> int:
        """What is still to be fetched of the tensors."""
        if file in self._whole:
            return 0
        parts = self._shard(file)[1]
        return sum(place.size - parts.have(place) for place in places)

    def fetch(self, file: str, places: list[Place], progress: Progress) -> dict[str, bytes]:
        """The bytes of the tensors, from where an earlier run came to."""
        if file not in self._whole:
            remote, parts, _ = self._shard(file)
            with parts.locked(lambda: self.say(f"{remote.where}: waiting for another run that fetches from it")):
                try:
                    for run in adjoining(places, parts):
                        self._fetch_run(remote, parts, run, progress)
                    return {place.name: parts.read(place) for place in places}
                except NoRanges:
                    self._take_whole(file, remote)
        return {place.name: self._whole[file].read(place) for place in places}

    def _fetch_run(self, remote: RemoteFile, parts: Parts, run: list[Place], progress: Progress) -> None:
        """One request for tensors that lie one behind the other."""
        def sink(offset: int, chunk: memoryview) -> None:
            for place in run:
                inside = chunk[max(place.begin - offset, 0):max(place.end - offset, 0)]
                if len(inside):
                    parts.append(place, inside)
            progress.add(len(chunk))
        self._streamed(remote, run[0].begin + parts.have(run[0]), run[-1].end, sink)

    def drop(self, file: str, places: list[Place]) -> None:
        if file in self._remote:
            self._remote[file][1].drop(places)


class Silent:
    """A bar that the library may draw for files of a few kilobytes, not drawn."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *args: Any) -> None:
        pass

    def update(self, *args: Any) -> None:
        pass

    def close(self) -> None:
        pass


def adjoining(places: list[Place], parts: Parts) -> list[list[Place]]:
    """The tensors that are not complete, those without a byte between them that is there already as one run."""
    runs: list[list[Place]] = []
    for place in sorted(places, key=lambda p: p.begin):
        have = parts.have(place)
        if have == place.size:
            continue
        if runs and runs[-1][-1].end == place.begin and have == 0:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs

