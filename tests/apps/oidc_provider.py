"""Runs the OpenID provider of tests/apps/oidc: panva's oidc-provider, certified by the OpenID Foundation."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from joserfc.jwk import ECKey, OKPKey, RSAKey

from packseal.io.ports import free_port
from tests.line.rig import missing, tool

SOURCE = Path(__file__).with_name("oidc")
CACHE = Path(sys.prefix) / "oidc"
AUDIENCE = "https://passport.example"
ALGORITHMS = ("RS256", "ES256", "EdDSA")
INSTALL_S = 300
TIMEOUT_S = 30

PrivateKey = RSAKey | ECKey | OKPKey


def installed() -> Path:
    """The folder of the provider and its packages, in the versions of the lock file; made once."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    if not folder.exists():
        CACHE.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=CACHE) as unfinished:
            _install(Path(unfinished))
            with suppress(OSError):  # another run was quicker
                Path(unfinished, "provider").rename(folder)
    shutil.copy(SOURCE / "provider.mjs", folder)  # beside its packages, where node looks for them
    return folder


def _install(folder: Path) -> None:
    provider = folder / "provider"
    provider.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, provider)
    command = [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=provider, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        missing(f"the OpenID provider cannot be installed: {done.stderr.strip()[-200:]}")


def made_keys(generation: str) -> dict[str, PrivateKey]:
    """One for each algorithm."""
    return {
        "RS256": RSAKey.generate_key(2048, {"kid": f"rs-{generation}", "use": "sig", "alg": "RS256"}),
        "ES256": ECKey.generate_key("P-256", {"kid": f"es-{generation}", "use": "sig", "alg": "ES256"}),
        "EdDSA": OKPKey.generate_key("Ed25519", {"kid": f"ed-{generation}", "use": "sig", "alg": "EdDSA"}),
    }


class OIDCProvider:
    def __init__(self) -> None:
        self._program = installed() / "provider.mjs"
        self._port = free_port()
        self.issuer = f"http://127.0.0.1:{self._port}"
        self.keys = made_keys("1")
        self.start()

    def start(self) -> None:
        command = [tool("node"), str(self._program), str(self._port)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        self.rotate(self.keys)

    def rotate(self, keys: dict[str, PrivateKey]) -> None:
        """Signs with these from now on, and publishes no others."""
        self.keys = keys
        assert self._process.stdin
        assert self._process.stdout
        jwks = {"keys": [key.as_dict(private=True) for key in keys.values()]}
        self._process.stdin.write(json.dumps(jwks) + "\n")
        self._process.stdin.flush()
        while (line := self._process.stdout.readline()) != "serving\n":
            assert line, "the provider ended"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(TIMEOUT_S)
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                assert stream
                stream.close()

    def token(self, client: str = "surveillance", algorithm: str = "RS256", audience: str = AUDIENCE) -> str:
        """An access token of this client, as the client itself gets it."""
        form = {"grant_type": "client_credentials", "scope": "read", "resource": f"{audience}/{algorithm}"}
        secret = base64.b64encode(f"{client}:of-a-test".encode()).decode()
        request = Request(f"{self.issuer}/token", urlencode(form).encode(), {"Authorization": f"Basic {secret}"})
        with urlopen(request, timeout=TIMEOUT_S) as answer:
            return str(json.load(answer)["access_token"])

    def times_asked(self) -> int:
        """How often its keys were asked for since it was started."""
        with urlopen(f"{self.issuer}/asked", timeout=TIMEOUT_S) as answer:
            return int(answer.read())


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, unverified."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims
