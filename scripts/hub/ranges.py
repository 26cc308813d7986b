# SPDX-License-Identifier: Apache-2.0
"""Byte ranges of a file on a hub, with patience: what breaks goes on at the byte reached."""

from __future__ import annotations

import email.utils
import sys
import time
from dataclasses import dataclass
from typing import Any, TypeVar
from collections.abc import Callable

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from w4fixture import InputError
from w4text import shown

PATIENT_STATUS = (408, 429, 500, 502, 503, 504)
MOST_ATTEMPTS = 5          # in a row without a byte
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 300.0
BROKEN = (httpx2.TransportError, httpx2.StreamError)

T = TypeVar("T")


class Unreachable(InputError):
    """The hub does not answer at all."""


class NoRanges(Exception):
    """The server answers a range request with the whole file."""


class Patience:
    """Counts failures in a row and waits after each, as long as the server asks for where it says so."""

    def __init__(self, what: str, say: Callable[[str], None]) -> None:
        self.what, self.say, self.failures = what, say, 0

    def progressed(self) -> None:
        self.failures = 0

    def failed(self, why: str, retry_after: str | None = None, kind: type[InputError] = InputError) -> None:
        self.failures += 1
        if self.failures >= MOST_ATTEMPTS:
            raise kind(f"{self.what}: {why}, {self.failures} times; what has come is kept, the same command goes on "
                       "there")
        wait = min(FIRST_WAIT_SECONDS * 2 ** (self.failures - 1), LONGEST_WAIT_SECONDS)
        asked = seconds_in(retry_after)
        if asked is not None:
            if asked > LONGEST_RETRY_AFTER_SECONDS:
                raise InputError(f"{self.what}: {why}; the server asks to wait {asked:.0f} s, more than "
                                 f"{LONGEST_RETRY_AFTER_SECONDS:.0f} s: try again then")
            wait = asked
        self.say(f"{self.what}: {why}, again in {wait:.0f} s")
        time.sleep(wait)


def seconds_in(retry_after: str | None) -> float | None:
    """Retry-After is seconds or a date."""
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def patiently(what: str, call: Callable[[], T], say: Callable[[str], None]) -> T:
    """The call's result; what is worth another attempt gets one."""
    patience = Patience(what, say)
    while True:
        try:
            return call()
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code not in PATIENT_STATUS:
                raise
            patience.failed(f"the server answers {error.response.status_code}",
                            error.response.headers.get("Retry-After"))
        except BROKEN as error:
            patience.failed(reason_of(error), kind=Unreachable)


def reason_of(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return f"the connection failed ({text.splitlines()[0][:120]})"


@dataclass(frozen=True)
class RemoteFile:
    url: str
    where: str     # REPO: FILE, for messages
    size: int


def stream(file: RemoteFile, begin: int, end: int, sink: Callable[[int, memoryview], Any],
           say: Callable[[str], None] = lambda text: print(shown(text), file=sys.stderr)) -> None:
    """Gives the bytes begin..end of the file to sink(offset, bytes), in order and each once. Throws NoRanges."""
    at, patience = begin, Patience(file.where, say)
    while at < end:
        headers = build_hf_headers() | {"Range": f"bytes={at}-{end - 1}", "Accept-Encoding": "identity"}
        try:
            with get_session().stream("GET", file.url, headers=headers,
                                      timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
                if response.status_code in PATIENT_STATUS:
                    patience.failed(f"the server answers {response.status_code}", response.headers.get("Retry-After"))
                    continue
                check_answer(response, file, at, end)
                for chunk in response.iter_raw():
                    if at + len(chunk) > end:
                        raise InputError(f"{file.where}: the server sends more than the bytes {at}..{end} asked for")
                    sink(at, memoryview(chunk))
                    at += len(chunk)
                    patience.progressed()
        except BROKEN as error:
            patience.failed(f"broken off at byte {at} of {begin}..{end}: {reason_of(error)}")
            continue
        if at < end:
            patience.failed(f"broken off at byte {at} of {begin}..{end}")


def check_answer(response: Any, file: RemoteFile, at: int, end: int) -> None:
    """That it is the range asked for, of the file that was seen before."""
    if response.status_code == 200:
        raise NoRanges
    if response.status_code == 416:
        raise InputError(f"{file.where}: has no bytes {at}..{end}, though its size was {file.size}: it changed "
                         f"meanwhile, run the command again")
    if response.status_code != 206:
        response.read()
        hf_raise_for_status(response)
        raise InputError(f"{file.where}: the server answers {response.status_code} to a range request")
    said = response.headers.get("Content-Range", "")
    if said != f"bytes {at}-{end - 1}/{file.size}":
        raise InputError(f"{file.where}: asked for bytes {at}-{end - 1}/{file.size}, the server sends {said!r}: the "
                         f"file changed meanwhile, run the command again")
