"""Identification links (IEC 61406-1): the address that a battery's QR code carries, and what it may consist of.

The standard allows 255 characters of the URL's set (clause 4: length, syntax, allowed characters). The links made here
keep to fewer: letters, digits and "-._~:/", so that no reader, label printer or mail program changes them. A host is in
small letters, since two links must not differ by the size of a letter alone.
"""

from __future__ import annotations

import re

from packseal.errors import ConfigError
from packseal.passport.settings import BATTERY_ID

MAX_LINK_CHARACTERS = 255
MAX_NAME_CHARACTERS = 63  # of a battery's name in the address
PLACE = "/battery/"
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_PUBLIC_URL = re.compile(rf"(https?)://({_HOST})(?::(\d{{1,5}}))?((?:/[A-Za-z0-9._~-]+)*)")
_LOCAL = re.compile(r"localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0")
_MAX_PORT = 65_535


def checked_public_url(text: str) -> str:
    """Without a slash at its end. Raises ConfigError that says what is wrong with it."""
    url = text.removesuffix("/")
    longest = MAX_LINK_CHARACTERS - len(PLACE) - MAX_NAME_CHARACTERS
    if len(url) > longest:
        raise ConfigError(
            f"{len(url)} characters; with a battery's name behind it, a link may have {MAX_LINK_CHARACTERS}"
            f" (IEC 61406), so use {longest} at most"
        )
    found = _PUBLIC_URL.fullmatch(url)
    if not found or not 0 < int(found[3] or 1) <= _MAX_PORT or {".", ".."} & set(url.split("/")):
        raise ConfigError(
            f"{text!r} is not http:// or https://, a host in small letters, and perhaps a port and a path of letters,"
            " digits, '.', '_', '~' and '-'"
        )
    return url


def identification_link(public_url: str, name: str) -> str:
    """name: a battery's, or the digits of its passport. Raises ConfigError, ValueError for what names no battery."""
    if not BATTERY_ID.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a battery")
    return f"{checked_public_url(public_url)}{PLACE}{name}"


def is_local(public_url: str) -> bool:
    """It leads nobody on another machine here."""
    found = _PUBLIC_URL.fullmatch(public_url)
    return bool(found and _LOCAL.fullmatch(found[2]))
