"""Notes, checkpoints and cosignatures: the specification's own examples, one fault at a time, hostile bytes."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import EvidenceError, Reason
from packseal.records import note as note_module
from packseal.records.note import (
    LogCheckpoint,
    chosen_cosignature,
    cosign,
    sign_log_checkpoint,
    unverified_log_checkpoint,
    verified_cosignatures,
    verify_log_checkpoint,
    with_cosignatures,
)
from tests.log.station import LOG_KEY, NOW_UNIX_S, ORIGIN, WITNESS, WITNESS_KEY, WITNESSES, signer_of

CHECKPOINT = LogCheckpoint(ORIGIN, 20_852_163, bytes(range(32)))
NOTE = sign_log_checkpoint(CHECKPOINT, LOG_KEY, LOG_KEY.public_key)
TEXT, _, LINES = NOTE.rpartition(b"\n\n")


def line_by(name: str, unix_s: int = NOW_UNIX_S, note: bytes = NOTE) -> bytes:
    signer = signer_of(name)
    return cosign(note, name, signer.public_key, signer, unix_s)


def signed(text: bytes) -> bytes:
    """Any text under the log's signature, also one that this program would not sign."""
    content = base64.b64decode(LINES.split()[-1])[:4] + LOG_KEY(text)
    return text + f"\n\u2014 {ORIGIN} {base64.b64encode(content).decode()}\n".encode()


def reason_of(act: Callable[[], object]) -> Reason:
    with pytest.raises(EvidenceError) as refusal:
        act()
    return refusal.value.reason


def test_a_checkpoint_comes_back() -> None:
    assert verify_log_checkpoint(NOTE, LOG_KEY.public_key) == CHECKPOINT
    assert NOTE.decode().split("\n")[:4] == [ORIGIN, "20852163", base64.b64encode(CHECKPOINT.root).decode(), ""]


@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=32, max_size=32))
def test_every_checkpoint_comes_back(size: int, root: bytes) -> None:
    checkpoint = LogCheckpoint(ORIGIN, size, root)
    assert verify_log_checkpoint(sign_log_checkpoint(checkpoint, LOG_KEY, LOG_KEY.public_key), LOG_KEY.public_key) == (
        checkpoint
    )


def test_extension_lines_are_tolerated() -> None:
    assert verify_log_checkpoint(signed(TEXT + b"\nextension\n"), LOG_KEY.public_key) == CHECKPOINT


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no root", b"a\n1\n"),
        ("no origin", TEXT.replace(ORIGIN.encode(), b"") + b"\n"),
        ("leading zero", TEXT.replace(b"20852163", b"020852163") + b"\n"),
        ("signed size", TEXT.replace(b"20852163", b"+20852163") + b"\n"),
        ("size with digits of another script", TEXT.replace(b"20852163", "٣".encode()) + b"\n"),
        ("size of 2^48", TEXT.replace(b"20852163", b"281474976710656") + b"\n"),
        ("size of many digits", TEXT.replace(b"20852163", b"9" * 2000) + b"\n"),
        ("root of 31 bytes", f"{ORIGIN}\n1\n{base64.b64encode(bytes(31)).decode()}\n".encode()),
        ("root with loose bits", TEXT.replace(b"Hh8=", b"Hh9=") + b"\n"),
        ("root without padding", TEXT.removesuffix(b"=") + b"\n"),
        (
            "root in the other alphabet",
            f"{ORIGIN}\n1\n{base64.urlsafe_b64encode(bytes([255] * 32)).decode()}\n".encode(),
        ),
        ("empty extension line", TEXT + b"\n\nextension\n"),
        ("control character", TEXT + b"\nexten\tsion\n"),
        ("carriage return", TEXT.replace(b"\n", b"\r\n") + b"\n"),
        ("not UTF-8", TEXT + b"\n\xff\n"),
        ("too large", TEXT + b"\n" + b"x" * 4096 + b"\n"),
    ],
)
def test_a_malformed_text_is_refused(name: str, text: bytes) -> None:
    assert reason_of(lambda: verify_log_checkpoint(signed(text), LOG_KEY.public_key)) == Reason.MALFORMED, name


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("nothing", b""),
        ("no signature", TEXT + b"\n\n"),
        ("no empty line", NOTE.replace(b"\n\n", b"\n")),
        ("no last newline", NOTE[:-1]),
        ("a hyphen", NOTE.replace("\u2014".encode(), b"-")),
        ("a name with plus", NOTE + NOTE.rpartition(b"\n\n")[2].replace(b" passport", b" pass+port")),
        ("a name with a wide space", NOTE + LINES.replace(b" passport", " pass\u2003port".encode())),
        ("no name", NOTE + "\u2014  AAAAAAA=\n".encode()),
        ("key id alone", NOTE + "\u2014 other AAAAAA==\n".encode()),
        ("loose bits", NOTE + "\u2014 other AAAAAAB=\n".encode()),
        ("17 signatures", NOTE + "\u2014 other AAAAAAA=\n".encode() * 16),
    ],
)
def test_a_malformed_note_is_refused(name: str, note: bytes) -> None:
    assert reason_of(lambda: verify_log_checkpoint(note, LOG_KEY.public_key)) == Reason.MALFORMED, name


def test_16_signatures_and_strangers_are_read() -> None:
    crowded = NOTE + "\u2014 other AAAAAAA=\n".encode() * 15
    assert verify_log_checkpoint(crowded, LOG_KEY.public_key) == CHECKPOINT
    assert verified_cosignatures(crowded, WITNESSES) == {}


@pytest.mark.parametrize("cut", range(len(NOTE)))
def test_every_truncation_is_malformed(cut: int) -> None:
    assert reason_of(lambda: verify_log_checkpoint(NOTE[:cut], LOG_KEY.public_key)) == Reason.MALFORMED


def test_a_changed_text_or_another_key_is_a_bad_signature() -> None:
    changed = NOTE.replace(b"20852163", b"20852164")
    assert reason_of(lambda: verify_log_checkpoint(changed, LOG_KEY.public_key)) == Reason.BAD_SIGNATURE
    assert reason_of(lambda: verify_log_checkpoint(NOTE, WITNESS_KEY.public_key)) == Reason.BAD_SIGNATURE
    renamed = NOTE.replace(ORIGIN.encode() + b"\n", b"elsewhere.example\n")
    assert reason_of(lambda: verify_log_checkpoint(renamed, LOG_KEY.public_key)) == Reason.BAD_SIGNATURE


def test_one_bad_line_of_the_known_key_spoils_the_note() -> None:
    other = sign_log_checkpoint(LogCheckpoint(ORIGIN, 1, bytes(32)), LOG_KEY, LOG_KEY.public_key)
    assert (
        reason_of(lambda: verify_log_checkpoint(NOTE + other.rpartition(b"\n\n")[2], LOG_KEY.public_key))
        == Reason.BAD_SIGNATURE
    )


@given(st.binary(max_size=300))
def test_only_our_errors_escape(content: bytes) -> None:
    for note in (content, NOTE + content, content + NOTE):
        try:
            verify_log_checkpoint(note, LOG_KEY.public_key)
            verified_cosignatures(note, WITNESSES)
        except EvidenceError:
            continue
        assert unverified_log_checkpoint(note) == CHECKPOINT


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\u2028b", "a\nb", "a\x00b"])
def test_a_log_does_not_sign_under_a_name_that_no_key_has(origin: str) -> None:
    with pytest.raises(ValueError, match="name"):
        sign_log_checkpoint(LogCheckpoint(origin, 1, bytes(32)), LOG_KEY, LOG_KEY.public_key)


def test_a_cosignature_states_its_second() -> None:
    cosigned = with_cosignatures(NOTE, [line_by("w1"), line_by("w2", NOW_UNIX_S + 5)])
    keys = {name: signer_of(name).public_key for name in ("w1", "w2", "w3")}
    assert verified_cosignatures(cosigned, keys) == {"w1": NOW_UNIX_S, "w2": NOW_UNIX_S + 5}
    assert verify_log_checkpoint(cosigned, LOG_KEY.public_key) == CHECKPOINT


def test_of_two_lines_by_one_witness_the_earliest_counts() -> None:
    twice = NOTE + line_by("w1", NOW_UNIX_S + 9) + line_by("w1")
    assert verified_cosignatures(twice, {"w1": signer_of("w1").public_key}) == {"w1": NOW_UNIX_S}


def test_a_newer_line_takes_the_place_of_the_older() -> None:
    once = with_cosignatures(NOTE, [line_by("w1"), line_by("w2")])
    again = with_cosignatures(once, [line_by("w1", NOW_UNIX_S + 9)])
    assert again == NOTE + line_by("w1", NOW_UNIX_S + 9) + line_by("w2")


def test_a_cosignature_of_another_checkpoint_or_second_is_bad() -> None:
    other = sign_log_checkpoint(LogCheckpoint(ORIGIN, 1, bytes(32)), LOG_KEY, LOG_KEY.public_key)
    moved = with_cosignatures(NOTE, [line_by("w1", note=other)])
    keys = {"w1": signer_of("w1").public_key}
    assert reason_of(lambda: verified_cosignatures(moved, keys)) == Reason.BAD_SIGNATURE
    name, content = line_by("w1").decode().removeprefix("\u2014 ").split()
    later = bytearray(base64.b64decode(content))
    later[11] ^= 1
    line = f"\u2014 {name} {base64.b64encode(later).decode()}\n".encode()
    assert reason_of(lambda: verified_cosignatures(NOTE + line, keys)) == Reason.BAD_SIGNATURE


def test_a_plain_signature_of_the_witness_is_no_cosignature() -> None:
    plain = sign_log_checkpoint(LogCheckpoint(WITNESS, 1, bytes(32)), WITNESS_KEY, WITNESS_KEY.public_key)
    assert verified_cosignatures(plain, WITNESSES) == {}


def test_of_a_witnesss_answer_only_the_line_asked_for_is_kept() -> None:
    answer = line_by("stranger") + line_by("w1") + line_by("w1", NOW_UNIX_S + 1)
    key = signer_of("w1").public_key
    assert chosen_cosignature(NOTE, answer, "w1", key) == line_by("w1", NOW_UNIX_S + 1)
    assert reason_of(lambda: chosen_cosignature(NOTE, line_by("stranger"), "w1", key)) == Reason.BAD_SIGNATURE
    assert reason_of(lambda: chosen_cosignature(NOTE, b"<html>", "w1", key)) == Reason.MALFORMED


@pytest.mark.parametrize("unix_s", [-1, 1 << 63])
def test_no_cosignature_outside_time(unix_s: int) -> None:
    with pytest.raises(ValueError, match="not a time"):
        line_by("w1", unix_s)


def test_a_cosignature_beyond_all_times_is_bad() -> None:
    """tlog-cosignature, Format: a timestamp is below 2^63, whatever else is right."""
    signer, unix_s = signer_of("w1"), 1 << 63
    signature = signer(note_module._cosigned_message(TEXT.decode() + "\n", unix_s))
    key_id = note_module._key_id("w1", note_module.COSIGNATURE_V1, signer.public_key)
    line = note_module._Line("w1", key_id, unix_s.to_bytes(8, "big") + signature).to_text().encode()
    assert reason_of(lambda: verified_cosignatures(NOTE + line, {"w1": signer.public_key})) == Reason.BAD_SIGNATURE


def test_example_of_the_specification_parses() -> None:
    """tlog-cosignature's example; its keys are not given, so that only the shape can be checked."""
    origin, dash = "example.com/behind-the-sofa", "\u2014"
    by_log = "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
    by_witness = (
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    )
    text = f"{origin}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    note = f"{text}\n{dash} {origin} {by_log}\n{dash} witness.example.com/w1 {by_witness}\n".encode()
    checkpoint = unverified_log_checkpoint(note)
    assert (checkpoint.origin, checkpoint.size) == (origin, 20_852_163)
    assert with_cosignatures(note, [line_by("w1", note=note)]) == note + line_by("w1", note=note)


def test_a_note_that_another_program_signed() -> None:
    """The example in the documentation of Go's golang.org/x/mod/sumdb/note, whose key id and signature are known."""
    public_key = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    parsed, (line,) = note_module._parse(f"{text}\n\u2014 PeterNeumann {signature}\n".encode())
    assert line.key_id == note_module._key_id("PeterNeumann", note_module.SIGNED_NOTE, public_key)
    note_module._verify(public_key, parsed.encode(), line.signature, line.name)
