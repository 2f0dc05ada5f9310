"""No secret stands where others look: what programs say, their arguments, what they answer, what they measure.

Secrets of every kind are planted in a site that runs (site.py); then all is done to it that goes well, goes wrong, or
is meant to harm, and they are looked for in each form (leaks.py) that a program may have written them in.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from packseal.cli import main
from packseal.errors import ConfigError
from packseal.io.settings import GatewaySettings, PassportFileSettings
from packseal.io.settings_file import load_settings
from tests.line.rig import BATTERY, Message
from tests.security.leaks import leaks
from tests.security.site import Site, evidence_of, planted, words

SECRET = words("typed into the wrong place").decode()
KEY = "11" * 32
PATHS = ("/", f"/battery/{BATTERY}", f"/battery/{BATTERY}/data.json", "/healthz", "/nothing", "/api/v1/passports")


def test_programs_at_work_and_under_attack_tell_no_secret(site: Site) -> None:
    answers = {**well_behaved(site), **hostile(site)}
    wrong_password(site)
    for program in ("gateway", "passport"):
        site.signal(program, signal.SIGUSR1)
    site.settle()
    said = {f"what the {name} says": part.output().encode() for name, part in site.parts.items() if name != "firmware"}
    said["what the board says"] = (site.folder / "board/board.log").read_bytes()
    assert b"most recent call first" in said["what the gateway says"], "SIGUSR1 has shown where it stands"
    assert b"check username and password_file" in said["what the gateway says"], "the wrong password was noticed"
    shown = dict(entry for program in ("gateway", "passport") for entry in site.processes(program))
    assert any(b"gateway.toml" in content for content in shown.values())
    seen = {**answers, **said, **shown, **evidence_of(_said_by_others(site))}
    assert len(seen) > 30
    assert leaks({"no secret": b"check username and password_file"}, seen), "what is said would be found"
    assert len(site.secrets) >= 9, sorted(site.secrets)
    assert leaks(site.secrets, seen) == []


def well_behaved(site: Site) -> Mapping[str, bytes]:
    reader = f"Bearer {site.secrets['key of a reader'].decode()}"
    answers = {f"GET {path}": site.ask(site.listen, path) for path in PATHS}
    answers |= {f"GET {path} as a reader": site.ask(site.listen, path, Authorization=reader) for path in PATHS}
    local = {f"GET {path} of the gateway": site.ask(site.local, path) for path in ("/health", "/metrics", "/status")}
    assert b"packseal_" in local["GET /metrics of the gateway"]
    return {**answers, **local}


def _said_by_others(site: Site) -> list[Message]:
    """Asked at the end: what we sent ourselves may come back late."""
    return [message for message in site.heard if message.payload != site.secrets["a wrong key"]]


def hostile(site: Site) -> Mapping[str, bytes]:
    """Credentials that do not hold, where credentials have no place, and content that is none."""
    wrong, token = site.secrets["a wrong key"].decode(), site.secrets["a token"].decode()
    good = site.secrets["key of a reader"].decode()
    shown = (f"Bearer {wrong}", f"Bearer e30.{token}.{token}", f"Basic {wrong}", f"{good} {good}", f"Bearer {good}x")
    answers = {}
    for number, value in enumerate(shown):
        for path in (f"/battery/{BATTERY}", "/api/v1/passports", "/log/checkpoint"):
            answers[f"{path} with a bad credential {number}"] = site.ask(site.listen, path, Authorization=value)
    for number, path in enumerate((f"/x?key={wrong}", f"/battery/x?lang={token}", f"/fleet?sort={wrong}")):
        content = site.ask(site.listen, path)
        answers[f"a secret in the address {number}"] = content.replace(wrong.encode(), b"").replace(token.encode(), b"")
    for path in ("/acts", "/api/v1/acts", "/api/v1/statements"):
        for number, body in enumerate((b"", wrong.encode(), bytes(70_000), b"\xd2\x84" + planted("an act", 500))):
            answers[f"POST {path} {number}"] = site.ask(site.listen, path, body=body, Content_Type="application/cose")
    for kind in ("rec", "receipt", "fresh", "state"):
        for body in (b"", wrong.encode(), planted(kind, 300), bytes(100_000)):
            site.publish(f"packseal/rig/{BATTERY}/{kind}", body)
    return answers


def wrong_password(site: Site) -> None:
    """The broker comes back and knows another password; then the first one is right again."""
    theirs = site.folder / "passwords"
    kept = theirs.read_bytes()
    site.broker.kill()
    theirs.write_bytes(kept.replace(b"$7$", b"$6$"))
    site.broker.start()
    site.gateway.wait_for_output("check username and password_file")
    site.broker.kill()
    theirs.write_bytes(kept)
    site.broker.start()


GATEWAY = f"""
site = "north"
broker = "mqtts://broker.example:8883"
outbox = "outbox.db"
service_public_key = "{KEY}"
[mqtt]
username = "u"
password_file = "mqtt.password"
"""
PASSPORT = """
broker = "mqtt://127.0.0.1:1883"
store = "passport.db"
key = "service.key"
[[reader]]
name = "depot"
role = "authority"
key_sha256 = "KEY"
[[oidc]]
issuer = "https://id.example"
audience = "us"
[[webhook]]
url = "https://hook.example/x"
secret_file = "webhook.secret"
""".replace("KEY", KEY)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (GATEWAY, "mqtts://broker.example:8883", f"mqtts://user:{SECRET}@broker.example:8883"),
        (GATEWAY, 'password_file = "mqtt.password"', f'password = "{SECRET}"'),
        (GATEWAY, KEY, SECRET),
        (PASSPORT, KEY, SECRET),
        (PASSPORT, f'key_sha256 = "{KEY}"', f'key = "{SECRET}"'),
        (PASSPORT, "https://hook.example/x", f"https://user:{SECRET}@hook.example/x"),
        (PASSPORT, "https://hook.example/x", f"https://user:{SECRET}@hook.example/a b"),
        (PASSPORT, "https://id.example", f"https://user:{SECRET}@id.example"),
        (PASSPORT, '"passport.db"', f'"postgresql://u:{SECRET}@host/db"'),
        (PASSPORT, '"passport.db"', f'"postgresql://host/db?password={SECRET}"'),
        (PASSPORT, 'secret_file = "webhook.secret"', f'secret = "{SECRET}"'),
        (PASSPORT, '"authority"', f'"{SECRET}"'),
    ],
)
def test_a_mistake_in_the_settings_is_named_without_what_was_typed(
    tmp_path: Path, text: str, old: str, new: str
) -> None:
    """What somebody types into the wrong place may be the secret itself."""
    path = tmp_path / "settings.toml"
    path.write_text(text.replace(old, new, 1))
    assert text.count(old) == 1
    with pytest.raises(ConfigError) as refused:
        load_settings(path, GatewaySettings if text is GATEWAY else PassportFileSettings)
    assert leaks({"secret": SECRET.encode()}, {"the error": str(refused.value).encode()}) == []


@pytest.mark.parametrize(
    ("program", "file", "content", "mode"),
    [
        ("gateway", "gateway.key", planted("a key", 31), 0o600),
        ("gateway", "gateway.key", planted("a key"), 0o644),
        ("gateway", "mqtt.password", words("a password"), 0o644),
        ("gateway", "mqtt.password", b"\xff" + planted("no text"), 0o600),
        ("passport", "service.key", planted("a key", 33), 0o600),
        ("passport", "webhook.secret", words("a short one")[:15], 0o600),
        ("passport", "webhook.secret", words("a secret"), 0o604),
    ],
)
def test_a_program_that_does_not_start_tells_nothing_of_its_secrets(
    tmp_path: Path, program: str, file: str, content: bytes, mode: int
) -> None:
    for name, good in (("gateway.key", 32), ("service.key", 32), ("mqtt.password", 20), ("webhook.secret", 20)):
        path = tmp_path / name
        path.write_bytes(content if name == file else words(name)[:good] if good == 20 else planted(name))
        path.chmod(mode if name == file else 0o600)
    settings = tmp_path / f"{program}.toml"
    settings.write_text(GATEWAY if program == "gateway" else PASSPORT)
    run = CliRunner().invoke(main, [program, "check", str(settings)])
    assert run.exit_code == 2, run.output
    assert file in run.output
    secrets = {name: (tmp_path / name).read_bytes() for name in ("gateway.key", "service.key", "mqtt.password")}
    secrets["webhook.secret"] = (tmp_path / "webhook.secret").read_bytes()
    assert leaks(secrets, {"what it says": run.output.encode()}) == []
