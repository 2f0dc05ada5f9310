"""Keys are made once and never replaced; folders of others are never touched."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from packseal.apps.line import MARKER, own_folder
from packseal.apps.passport_terms import service_key
from packseal.errors import ConfigError, UnavailableError
from packseal.io.keys import load_key, load_or_make_key
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    made = load_or_make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_make_key(path).public_key == load_key(path).public_key == made.public_key
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.key"]


def test_a_cut_while_a_key_was_made_leaves_no_key(tmp_path: Path) -> None:
    (tmp_path / "a.key.new").write_bytes(b"half")
    load_or_make_key(tmp_path / "a.key")
    assert len((tmp_path / "a.key").read_bytes()) == 32


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [(b"x" * 31, 0o600, "restore it from a backup"), (b"x" * 33, 0o600, "larger"), (b"x" * 32, 0o644, "chmod 600")],
)
def test_a_bad_key_file_is_refused_and_kept(tmp_path: Path, content: bytes, mode: int, words: str) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=words):
        load_or_make_key(path)
    assert path.read_bytes() == content


def test_a_service_with_a_store_never_makes_a_second_key(tmp_path: Path) -> None:
    path = tmp_path / "passport.toml"
    path.write_text('broker = "mqtt://localhost"\nstore = "a.db"\nkey = "a.key"\n')
    settings = load_settings(path, PassportFileSettings)
    first = service_key(settings).public_key
    assert isinstance(settings.store, Path)
    settings.store.write_bytes(b"")
    assert service_key(settings).public_key == first
    settings.key.unlink()
    with pytest.raises(ConfigError, match="restore it from its backup"):
        service_key(settings)
    assert not settings.key.exists()


def test_a_folder_of_others_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files"):
        own_folder(tmp_path, "demo")
    own_folder(tmp_path / "new", "import").marker.close()
    with pytest.raises(ConfigError, match="holds other files"):
        own_folder(tmp_path / "new", "demo")


def test_clearing_leaves_the_marker_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    own = own_folder(tmp_path / "demo", "demo")
    (own.path / "link").symlink_to(tmp_path / "outside")
    (own.path / "sub").mkdir()
    own.clear()
    own.marker.close()
    assert [entry.name for entry in own.path.iterdir()] == [MARKER]
    assert (tmp_path / "outside" / "kept").exists()


def test_a_folder_in_use_is_not_taken(tmp_path: Path) -> None:
    own = own_folder(tmp_path / "demo", "demo")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_is_refused, (tmp_path / "demo",))
    own.marker.close()


def _is_refused(folder: Path) -> bool:
    try:
        own_folder(folder, "demo")
    except UnavailableError:
        return True
    return False
