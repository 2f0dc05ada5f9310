"""policy.toml and policy.json: whatever policy there is, both files say it, and both are read back as it was."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.apps.export import load_policy, policy_text
from packseal.errors import ConfigError
from packseal.records.acts import MAX_BATTERY_BYTES, Authority
from packseal.records.cose import PUBLIC_KEY_BYTES, VerifyingKey
from packseal.records.policy import CLASSES, LISTED_ROLES, MAX_COUNT, Policy, PolicyLog, Revocation

public_keys = st.binary(min_size=32, max_size=32)
any_keys = public_keys | st.binary(min_size=64, max_size=64)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=MAX_BATTERY_BYTES)
batteries = texts.filter(lambda text: len(text.encode()) <= MAX_BATTERY_BYTES)
names = st.text(
    st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"], exclude_characters="+"), min_size=1, max_size=200
)
logs = st.builds(PolicyLog, batteries, st.sampled_from(sorted(CLASSES)))


@st.composite
def authorities(draw: st.DrawFn) -> Authority:
    algorithm = draw(st.sampled_from(sorted(PUBLIC_KEY_BYTES)))
    length = PUBLIC_KEY_BYTES[algorithm]
    key = VerifyingKey(draw(st.binary(min_size=length, max_size=length)), algorithm)
    return Authority(key, draw(st.sampled_from(sorted(LISTED_ROLES.values()))))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    pairs = st.tuples(names, public_keys)
    witnesses = dict(draw(st.lists(pairs, max_size=3, unique_by=(lambda one: one[0], lambda one: one[1]))))
    keys = draw(st.lists(authorities(), max_size=3, unique_by=lambda one: one.key.public_key))
    taken = {one.key.public_key for one in keys}
    services = draw(st.dictionaries(public_keys.filter(lambda key: key not in taken), names, max_size=3))
    revocations = st.builds(Revocation, st.sampled_from(sorted(services) or [b""]), st.integers(0, MAX_COUNT))
    return Policy(
        draw(st.dictionaries(st.binary(min_size=16, max_size=16), logs, max_size=3)),
        services,
        tuple(keys),
        witnesses,
        draw(st.integers(0, len(witnesses))),
        draw(st.dictionaries(any_keys, revocations, max_size=3)) if services else {},
    )


@given(policies())
@settings(deadline=None, max_examples=200)
def test_a_policy_comes_back_from_both_of_its_files(policy: Policy) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("policy.toml", policy_text(policy)), ("policy.json", json.dumps(policy.to_json()))):
            path = Path(folder, name)
            path.write_text(text, encoding="utf-8")
            assert load_policy(path) == policy


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=100)
def test_other_bytes_raise_only_our_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("policy.toml", "policy.json"):
            path = Path(folder, name)
            path.write_bytes(content)
            try:
                load_policy(path)
            except ConfigError as error:
                assert str(error).startswith(str(path))  # noqa: PT017 - bytes that are a policy are no error


KEY, OTHER, NAMED = "11" * 32, "22" * 32, 'origin = "log.example"\n'
MISTAKES = {
    "a key of no length": (
        f'[[service]]\n{NAMED}public_key = "11"\n',
        ":3: public_key: expected 64 hexadecimal digits",
    ),
    "a service without its log's name": (f'[[service]]\npublic_key = "{KEY}"\n', ":1: the key 'origin' is missing"),
    "a role that signs nothing": (f'[[key]]\npublic_key = "{KEY}"\nrole = "board"\n', ":3: role: Input should be"),
    "an index below zero": (f'[[revoked]]\npublic_key = "{KEY}"\nindex = -1\n', ":3: index: Input should be greater"),
    "an index in words": (f'[[revoked]]\npublic_key = "{KEY}"\nindex = "1"\n', ":3: index: Input should be a valid"),
    "a name with a space": (f'[[witness]]\nname = "a b"\npublic_key = "{KEY}"\n', ":2: name: 'a b': a name of a key"),
    "a key nobody knows": ("[[service]]\nkey = 1\n", ":2: unknown key 'key'"),
    "more witnesses than there are": (
        "witnesses_needed = 1\n",
        "witnesses_needed: expected at most 0, as many as are listed, found 1",
    ),
    "a service twice": (f'[[service]]\n{NAMED}public_key = "{KEY}"\n' * 2, "is listed twice"),
    "an authority twice": (f'[[key]]\npublic_key = "{KEY}"\nrole = "operator"\n' * 2, "is listed twice"),
    "a witness twice": (f'[[witness]]\nname = "w"\npublic_key = "{KEY}"\n' * 2, "is listed twice"),
    "a log twice": (f'[[log]]\nlog_id = "{KEY[:32]}"\nbattery = "a"\nevidence_class = "B"\n' * 2, "is listed twice"),
    "a revoked key twice": (
        f'[[service]]\n{NAMED}public_key = "{OTHER}"\n' + f'[[revoked]]\npublic_key = "{KEY}"\nindex = 1\n' * 2,
        "is listed twice",
    ),
    "an index of nobody's log": (f'[[revoked]]\npublic_key = "{KEY}"\nindex = 1\n', "revoked[0].service: expected 64"),
    "a battery that no act can name": (
        f'[[log]]\nlog_id = "{KEY[:32]}"\nbattery = "{"a" * 64}"\nevidence_class = "B"\n',
        ".battery: expected a text of 1 to 63 bytes",
    ),
}


@pytest.mark.parametrize(("text", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_policy_with_a_mistake_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_policy(path)
    assert str(refused.value).startswith(str(path))
    assert words in str(refused.value)
