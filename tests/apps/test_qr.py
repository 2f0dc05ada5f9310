"""The link on a battery: its characters and length, the codes that carry it, the label around it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from packseal.apps import qr
from packseal.apps.pages import passport_app
from packseal.errors import ConfigError
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.passport.identification import MAX_LINK_CHARACTERS, checked_public_url, identification_link, is_local
from tests.apps.browser import ask
from tests.apps.page_states import verified

URL = "https://passports.example.org"
LINK = f"{URL}/battery/pack-1"


def test_the_link_is_the_public_address_and_the_name() -> None:
    assert identification_link(URL, "pack-1") == LINK
    assert identification_link(f"{URL}:8443/north/", "pack-1") == f"{URL}:8443/north/battery/pack-1"


BAD_URLS = {
    "ftp://example.org": "is not http:// or https://",
    "https://Example.org": "a host in small letters",
    "https://example.org/?q=1": "is not http",
    "https://example.org/a b": "is not http",
    "https://example.org/%41": "is not http",
    "https://b\u00fccher.example": "is not http",
    "https://user@example.org": "is not http",
    "https://example.org/..": "is not http",
    "https://example.org:99999": "is not http",
    "https://": "is not http",
    "https://example.org/" + "a" * 200: "a link may have 255 \\(IEC 61406\\), so use 183 at most",
}


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_no_link_may_be_is_refused_with_the_reason(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=BAD_URLS[url]):
        checked_public_url(url)
    path = tmp_path / "passport.toml"
    path.write_text(f'broker = "mqtt://localhost"\nstore = "a"\nkey = "b"\npublic_url = "{url}"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"passport\.toml:4: public_url: "):
        load_settings(path, PassportFileSettings)


def test_where_nothing_is_said_it_leads_to_where_the_service_listens() -> None:
    told = {"broker": "mqtt://localhost", "store": "a", "key": "b"}
    assert PassportFileSettings.model_validate(told).link_base == "http://127.0.0.1:8420"
    told["public_url"] = f"{URL}/"
    assert PassportFileSettings.model_validate(told).link_base == URL
    assert is_local("http://127.0.0.1:8420")
    assert not is_local(URL)


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}", fullmatch=True)


@given(st.text(max_size=300) | st.from_regex(r"https?://[a-z.]{1,20}(/[a-z%?#]{0,9}){0,3}", fullmatch=True), NAMES)
def test_every_link_that_is_made_keeps_to_the_standard(url: str, name: str) -> None:
    try:
        link = identification_link(url, name)
    except ConfigError:
        return
    assert len(link) <= MAX_LINK_CHARACTERS
    assert re.fullmatch(r"https?://[A-Za-z0-9\-._~:/]+", link)
    assert link.isascii()


def read(png: bytes) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(np.array(Image.open(io.BytesIO(png)).convert("L")))]


@given(NAMES)
def test_codes_say_the_link_and_nothing_else(name: str) -> None:
    link = identification_link(URL, name)
    assert read(qr.qr_png(link)) == [link]


def test_a_code_corrects_a_quarter_of_itself() -> None:
    """Error correction Q: dirt on a label does not end its use."""
    picture = np.array(Image.open(io.BytesIO(qr.qr_png(LINK))).convert("L"))
    height, width = picture.shape
    picture[height // 2 : height // 2 + height // 6, width // 2 : width // 2 + width // 6] = 255
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [LINK]
    assert [found.ec_level for found in zxingcpp.read_barcodes(picture)] == ["Q"]


def test_the_frame_stands_behind_the_quiet_zone_and_marks_its_corner() -> None:
    frame = qr.framed(LINK)
    symbol_modules = frame.modules - 2 * (qr.FRAME_MODULES + qr.QUIET_MODULES)
    assert (symbol_modules - 17) % 4 == 0, "the side of a QR code"
    xs = [int(x) for x in re.findall(r"M(\d+) ", frame.symbol)]
    assert (min(xs), max(xs)) == (5, frame.modules - 6)
    assert frame.path.startswith(f"M0 0h{frame.modules}")
    assert all(size.mm / frame.modules >= qr.MODULE_MM for size in qr.sizes(frame))


def test_pages_serve_them_under_the_public_address(tmp_path: Path) -> None:
    desk = verified(tmp_path)
    app = passport_app(desk.service, desk.tiles, desk.policy, public_url=URL)
    assert read(ask(app, "/battery/pack-1/qr.png").body) == [LINK]
    svg = ask(app, "/battery/pack-1/qr.svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert ElementTree.fromstring(svg.body).get("viewBox")  # noqa: S314 - our own drawing
    label = ask(app, "/battery/pack-1/label").text
    assert LINK in label
    assert "public_url" not in label
    assert "put public_url" in ask(desk.app(), "/battery/pack-1/label").text, "a link to one machine is no label"
    assert ask(app, "/battery/another/qr.svg").status == 404
