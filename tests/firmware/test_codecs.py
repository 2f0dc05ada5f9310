"""The firmware's codecs against others' vectors, hostile ones and any values. test_vectors.py has our own vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from logger.core import cbor, entries, link, merkle
from packseal.records.columns import decode_column
from tests.firmware.conftest import Interpreter

pytestmark = pytest.mark.on_32_bits

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
ANSWER = Path(__file__).parent / "board_tests" / "answer_codecs.py"
MARK = "."  # around a field, so that an empty one can be seen


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


def ask(interpreter: Interpreter, word: str, questions: Sequence[Sequence[str]]) -> list[str]:
    """One answer for each question, a tuple of fields."""
    lines = [" ".join([word, *fields]) + "\n" for fields in questions]
    answers = interpreter.run(ANSWER, input_bytes="".join(lines).encode()).splitlines()
    assert len(answers) == len(questions)
    return answers


def marked(content: str | bytes) -> str:
    return MARK + (content if isinstance(content, str) else content.hex()) + MARK


# --- CBOR


def test_every_truncation_of_a_good_item_is_refused(interpreter: Interpreter) -> None:
    entry = next(step["entry"] for step in vectors("log.json")["steps"] if step["name"].startswith("window"))
    assert set(ask(interpreter, "cbor", [(marked(entry[:end]),) for end in range(0, len(entry), 2)])) == {"refused"}


def test_appendix_a_and_hostile_input(interpreter: Interpreter, shared: Path) -> None:
    """32 of the RFC's 82 examples are in the format, and each of those is its own encoding."""
    examples = json.loads((shared / "vectors/cbor-appendix-a/appendix_a.json").read_text())
    answers = ask(interpreter, "cbor", [(marked(case["hex"]),) for case in examples])
    accepted = [case["hex"] for case, answer in zip(examples, answers, strict=True) if answer != "refused"]
    assert accepted == [answer for answer in answers if answer != "refused"]
    assert len(accepted) == 32
    hostile = json.loads((shared / "vectors/hostile/cbor-hostile.json").read_text())
    assert set(ask(interpreter, "cbor", [(marked(case["hex"]),) for case in hostile])) == {"refused"}


def test_text_must_be_utf8_by_the_letter_of_the_rfc(interpreter: Interpreter) -> None:
    """A surrogate, an overlong form, a letter beyond the last one, and a letter cut short."""
    bad = [b"\x63\xed\xa0\x80", b"\x62\xc0\x80", b"\x64\xf4\x90\x80\x80", b"\x61\xc3"]
    assert set(ask(interpreter, "cbor", [(marked(item),) for item in bad])) == {"refused"}


numbers = st.integers(-(1 << 64), (1 << 64) - 1)
scalars = numbers | st.binary(max_size=40) | st.text(max_size=20) | st.none()
values: st.SearchStrategy[Any] = st.deferred(
    lambda: (
        scalars
        | st.lists(values, max_size=3)
        | st.dictionaries(numbers, values, max_size=3)
        | st.builds(cbor.Sign1, st.lists(values, max_size=3))
    )
)


def parts_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, cbor.Sign1):
        return [value.parts]
    return value if isinstance(value, list) else []


def depth_of(value: Any) -> int:
    return 1 + max([depth_of(part) for part in parts_of(value)], default=0)


@given(values)
def test_what_is_encoded_decodes_to_itself(value: Any) -> None:
    assume(depth_of(value) <= cbor.MAX_DEPTH)
    assert cbor.decode(cbor.encode(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_one_encoding_or_are_refused(content: bytes) -> None:
    with suppress(cbor.CBORError):
        assert cbor.encode(cbor.decode(content)) == content


@pytest.mark.parametrize("value", [True, 1.5, 1 << 64, -(1 << 64) - 1, {"a": 1}, (1,)])
def test_what_has_no_place_in_the_format_is_not_encoded(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        cbor.encode(value)


# --- columns


@given(st.lists(st.none() | st.integers(-(1 << 30), 1 << 30)))
def test_a_column_is_read_back_by_the_gateway(column: list[int | None]) -> None:
    assert decode_column(entries.encode_column(column)) == column


# --- tree


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word."""
    if len(leaves) == 1:
        leaf: bytes = merkle.leaf_hash(leaves[0])
        return leaf
    split = 1 << (len(leaves) - 1).bit_length() - 1
    root: bytes = merkle.node_hash(root_of(leaves[:split]), root_of(leaves[split:]))
    return root


def test_the_edge_leads_to_the_root_of_the_definition() -> None:
    leaves = [b"%d" % number for number in range(70)]
    edge = merkle.Edge()
    for size, leaf in enumerate(leaves, 1):
        edge.append(merkle.leaf_hash(leaf))
        assert edge.root() == root_of(leaves[:size])
        assert len(edge.roots) == size.bit_count()


def test_no_tree_has_a_size_that_no_checkpoint_may_state() -> None:
    """docs/record.md section 5.4: sizes end at 2^24 - 1."""
    edge = merkle.Edge.from_bytes(((1 << 24) - 1).to_bytes(4, "little") + bytes(24 * merkle.HASH_BYTES))
    with pytest.raises(ValueError, match="full"):
        edge.append(bytes(merkle.HASH_BYTES))
    assert (edge.size, len(edge.roots)) == ((1 << 24) - 1, 24)


@pytest.mark.parametrize(
    "content", [b"", b"\x01\0\0", b"\x01\0\0\0", b"\x01\0\0\0" + bytes(33), b"\0\0\0\0" + bytes(32)]
)
def test_an_edge_of_other_bytes_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="edge"):
        merkle.Edge.from_bytes(content)


# --- frames


def test_frames_are_found_however_they_are_cut_and_whatever_is_around_them(interpreter: Interpreter) -> None:
    frames = [bytes.fromhex(case["frame"]) for case in vectors("link.json")]
    expected = [f"{case['kind']:02x}{case['body']}" for case in vectors("link.json")]
    stream = b"".join(frames)
    noisy = b"\x07garbage\x00" + b"\x00".join(frames) + b"\x55" * 3000 + b"\x00" + frames[0]
    whole, bytewise, around = ask(
        interpreter, "feed", [[marked(stream)], [marked(bytes([byte])) for byte in stream], [marked(noisy)]]
    )
    assert whole.split() == bytewise.split() == [*expected, "0"]
    assert around.split() == [*expected, expected[0], "2"]


def test_every_changed_byte_of_a_frame_is_refused(interpreter: Interpreter) -> None:
    """Another byte may also be a zero and end the frame early: then both parts are refused, if the second is any."""
    frame = link.encode_frame(link.ENTRY, bytes(range(40)) * 2)
    changed = [
        frame[:at] + bytes([frame[at] ^ flip]) + frame[at + 1 :]
        for at in range(len(frame) - 1)
        for flip in (1, 0x80, frame[at])
    ]
    for answer in ask(interpreter, "feed", [(marked(content),) for content in changed]):
        assert answer in ("1", "2")


@given(st.binary(max_size=1019), st.integers(1, 31))
def test_a_frame_gives_back_its_body(body: bytes, kind: int) -> None:
    frame = link.encode_frame(kind, body)
    assert frame.index(b"\0") == len(frame) - 1
    assert link.FrameReceiver().feed(frame) == [(kind, body)]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_are_counted(content: bytes) -> None:
    receiver = link.FrameReceiver()
    frames = receiver.feed(content + b"\0")
    assert len(frames) + receiver.frames_refused == len([part for part in content.split(b"\0") if part])
