"""Digests of a release's files, and the signature over them, by OpenSSH, which its users have.

    .venv/bin/python packaging/release/signing.py dist --key ~/.ssh/packseal-release.pub

Writes SHA256SUMS, and SHA256SUMS.sig by `ssh-keygen -Y sign` with an Ed25519 key (PROTOCOL.sshsig). The key stays where
it is: in ssh-agent or a security key, when the public half is named, as it should be; a private file will do, too. What
was signed is verified against allowed_signers before anything is said: what nobody could verify is no release.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
NAMESPACE = "packseal-release"  # so that no signature for another purpose counts as one of these
SIGNER = "release@packseal"
ALLOWED = Path(__file__).with_name("allowed_signers")


class SigningError(Exception):
    """Why nothing was signed, with its cure."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Sign what is in a folder as a release.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--key", type=Path, required=True, help="Public key of one in ssh-agent, or a private key file."
    )
    parser.add_argument("--allowed", type=Path, default=ALLOWED, help="Whose signatures count.")
    options = parser.parse_args()
    try:
        sign(options.folder, options.key, options.allowed)
    except SigningError as error:
        sys.exit(f"signing.py: {error}")
    sys.stdout.write(f"{options.folder / SUMS} and its signature are written\n")


def sign(folder: Path, key: Path, allowed: Path) -> None:
    """Raises SigningError; then there is no signature in the folder."""
    files = sorted(one for one in folder.iterdir() if one.is_file() and one.name not in (SUMS, SIGNATURE))
    if not files:
        raise SigningError(f"{folder}: there is nothing in it to sign")
    (folder / SIGNATURE).unlink(missing_ok=True)
    lines = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in files]
    (folder / SUMS).write_text("".join(lines))
    _run("sign", "-f", str(key), "-n", NAMESPACE, str(folder / SUMS))
    try:
        verify(folder, allowed)
    except SigningError:
        (folder / SIGNATURE).unlink(missing_ok=True)
        raise


def verify(folder: Path, allowed: Path) -> None:
    """The signature over SHA256SUMS alone. Raises SigningError."""
    command = ("verify", "-f", str(allowed), "-I", SIGNER, "-n", NAMESPACE, "-s", str(folder / SIGNATURE))
    _run(*command, stdin=(folder / SUMS).read_bytes())


def _run(*arguments: str, stdin: bytes | None = None) -> None:
    try:
        done = subprocess.run(["ssh-keygen", "-Y", *arguments], check=False, input=stdin, capture_output=True)
    except FileNotFoundError:
        raise SigningError("ssh-keygen is not installed; it comes with OpenSSH's client") from None
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace").strip() or "without saying why"
        cure = f"is the key's line for {SIGNER} in {ALLOWED.name}, and the key in ssh-agent?"
        raise SigningError(f"ssh-keygen -Y {arguments[0]} refuses: {words}; {cure}")


if __name__ == "__main__":
    main()
