"""A partner is told what a rule lets out and nothing else, in its form, and no other value gives away what it hides."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.exchange.loss import Why
from packseal.exchange.rules import TELLING, Form, Partner, Rule, released
from packseal.exchange.source import Bound, Interval, Origin, Source, Value
from tests.exchange.packs import AS_OF_UNIX_MS, CATEGORIES, DECLARATION, LOG_ID, REPORT, measured, pack, stated

INTERESTED = frozenset({1, 2, 4})
HEALTH = "soh_capacity_cpct"


def partner(*rules: Rule, groups: frozenset[int] = INTERESTED) -> Partner:
    return Partner("depot", "https://depot.example", "legitimate-interest", groups, "contract-7", rules)


def only(rule: Rule, source: Source | None = None) -> Source:
    return released(source or pack("EV"), partner(rule))


def withheld(source: Source) -> dict[str, str]:
    return {loss.key: loss.words for loss in source.withheld if loss.why is Why.WITHHELD}


def with_value(value: Value) -> Source:
    return replace(pack("EV"), values={value.key: value})


@pytest.mark.parametrize("category", CATEGORIES)
def test_without_a_rule_nothing_leaves(category: str) -> None:
    source = pack(category)
    left = released(source, partner())
    assert (left.values, left.files, left.logs, left.status) == ({}, {}, (), None)
    assert set(withheld(left)) == set(source.values)
    assert set(withheld(left).values()) == {
        "no rule lets it out",
        "access group 3 is above the tier legitimate-interest",
    }


def test_what_a_rule_names_leaves_whole_with_its_id() -> None:
    source = pack("EV")
    left = only(Rule("r-1", frozenset({"mass", "power_at_80"})), source)
    assert left.values == {key: replace(source.values[key], rule="r-1") for key in ("mass", "power_at_80")}
    assert left.partner == "depot"


def test_a_group_leaves_but_for_what_is_named() -> None:
    source = pack("EV")
    rules = Rule("open", groups=frozenset({1})), Rule("not-its-weight", frozenset({"mass"}), form=Form.WITHHELD)
    left = released(source, partner(*rules))
    assert set(left.values) == {key for key, value in source.values.items() if value.group == 1} - {"mass"}
    assert withheld(left)["mass"] == "by the rule not-its-weight"


def test_no_rule_lifts_a_partner_above_its_tier() -> None:
    left = released(
        pack("EV"), partner(Rule("all", frozenset({HEALTH}), frozenset({1, 2, 3, 4})), groups=frozenset({1}))
    )
    assert {value.group for value in left.values.values()} == {1}
    assert withheld(left)[HEALTH] == "access group 4 is above the tier legitimate-interest"


def test_files_and_logs_leave_only_with_what_names_them() -> None:
    everything = frozenset({1, 2, 3, 4})
    of_declaration = released(
        pack("EV"), partner(Rule("d", frozenset({"declaration_of_conformity"})), groups=everything)
    )
    assert (set(of_declaration.files), of_declaration.logs) == ({DECLARATION.sha256}, ())
    of_reports = released(pack("EV"), partner(Rule("t", frozenset({"test_reports", "soc"})), groups=everything))
    assert (set(of_reports.files), [log.log_id for log in of_reports.logs]) == ({REPORT.sha256}, [LOG_ID])


def test_the_status_is_told_with_its_value_alone() -> None:
    assert only(Rule("s", frozenset({"status"}))).status == "original"
    assert only(Rule("m", frozenset({"mass"}))).status is None


def test_a_rule_ends_at_its_moment_and_its_group_does_not_take_over() -> None:
    ended = Rule("was", frozenset({"mass"}), until_unix_ms=AS_OF_UNIX_MS)
    left = released(pack("EV"), partner(ended, Rule("open", groups=frozenset({1}))))
    assert "mass" not in left.values
    assert withheld(left)["mass"] == "the rule was has ended"
    assert "mass" in only(replace(ended, until_unix_ms=AS_OF_UNIX_MS + 1)).values


# ---- rounded


def test_rounding_takes_digits_and_all_that_would_give_them_back() -> None:
    value = replace(measured(HEALTH), details={"of_rated": "151.2 Ah"})
    left = only(Rule("r", frozenset({HEALTH}), form=Form.ROUNDED, step=Decimal("5")), with_value(value)).values[HEALTH]
    assert (left.content, left.is_coarser, left.details, left.rule) == (Decimal("90"), True, {}, "r")
    assert left.standard_uncertainty == Decimal("1.56"), "sqrt(0.60 ** 2 + 5 ** 2 / 12)"
    assert left.interval == Interval(Decimal("90") - Decimal("1.96") * Decimal("1.56"), Decimal("93.0576"))


def test_a_count_stays_a_whole_number() -> None:
    value = replace(measured("full_cycles"), content=212)
    left = only(Rule("r", frozenset({"full_cycles"}), form=Form.ROUNDED, step=Decimal(50)), with_value(value))
    assert left.values["full_cycles"].content == 200
    assert isinstance(left.values["full_cycles"].content, int)


def test_what_is_no_number_is_not_rounded_but_withheld() -> None:
    left = only(Rule("r", frozenset({"chemistry"}), form=Form.ROUNDED, step=Decimal(1)))
    assert left.values == {}
    assert withheld(left)["chemistry"] == "the rule r rounds, and this is no number"


@given(
    st.decimals(-10_000, 10_000, places=3),
    st.decimals("0.001", "50", places=3),
    st.sampled_from(["0.01", "0.5", "1", "5", "100"]),
)
def test_of_two_values_that_round_alike_nothing_differs(number: Decimal, off: Decimal, step_text: str) -> None:
    step = Decimal(step_text)
    rule = Rule("r", frozenset({HEALTH}), form=Form.ROUNDED, step=step)
    one, other = (measured(HEALTH, str(value), "0.7") for value in (number, number + min(off, step / 4)))
    told = [only(rule, with_value(value)).values[HEALTH] for value in (one, other)]
    assert abs(told[0].content - number) <= step / 2  # type: ignore[operator]
    if told[0].content == told[1].content:
        assert told[0] == told[1]


# ---- thresholds

AT_LEAST = Rule("at-least", frozenset({HEALTH}), form=Form.THRESHOLD, limits=tuple(map(Decimal, (70, 80, 90))))


@pytest.mark.parametrize(("uncertainty", "told"), [("0.60", 90), ("0.61", 90), ("0.62", 80), ("10", 70)])
def test_a_bound_is_told_when_the_end_of_the_interval_reaches_it(uncertainty: str, told: int) -> None:
    """91.20 less 1.96 standard uncertainties: 90.02, 90.00, 89.98, 71.60."""
    left = only(AT_LEAST, with_value(measured(HEALTH, "91.20", uncertainty))).values[HEALTH]
    assert left.bound == Bound(Decimal(told), is_at_least=True)
    hidden = (left.content, left.interval, left.standard_uncertainty, dict(left.details))
    assert hidden == (None, None, None, {})


def test_at_most_goes_by_the_upper_end() -> None:
    rule = Rule("at-most", frozenset({"ohmic_resistance"}), form=Form.THRESHOLD, is_at_least=False,
                limits=(Decimal("0.066"), Decimal("0.07"), Decimal("0.08")))  # fmt: skip
    left = only(rule, with_value(measured("ohmic_resistance"))).values["ohmic_resistance"]
    assert left.bound == Bound(Decimal("0.07"), is_at_least=False)


def test_a_bound_that_is_not_reached_is_not_told() -> None:
    left = only(AT_LEAST, with_value(measured(HEALTH, "70.5", "0.60")))
    assert left.values == {}
    assert withheld(left)[HEALTH] == "none of the limits of the rule at-least (at least) is reached for sure"


def test_of_an_estimate_without_uncertainty_no_bound_is_sure() -> None:
    rule = replace(AT_LEAST, keys=frozenset({"soc"}), limits=(Decimal(10),))
    left = only(rule, with_value(measured("soc")))
    assert withheld(left)["soc"].endswith("no bound of it can be told for sure")


@pytest.mark.parametrize("value", [stated("mass"), replace(measured("full_cycles"), content=212)])
def test_what_is_stated_or_counted_is_its_own_bound(value: Value) -> None:
    rule = replace(AT_LEAST, keys=frozenset({value.key}), limits=(Decimal(100), Decimal(10_000)))
    assert only(rule, with_value(value)).values[value.key].bound == Bound(Decimal(100), is_at_least=True)


@given(st.decimals(0, 100, places=2), st.decimals("0.01", "5", places=2))
def test_of_two_values_with_one_bound_nothing_differs(number: Decimal, uncertainty: Decimal) -> None:
    one, other = measured(HEALTH, str(number), str(uncertainty)), measured(HEALTH, "95.00", "0.10")
    left = only(AT_LEAST, with_value(one)).values.get(HEALTH)
    if left and left.bound == Bound(Decimal(90), is_at_least=True):
        assert left == only(AT_LEAST, with_value(other)).values[HEALTH]
        assert number - Decimal("1.96") * uncertainty >= 90


# ---- values that tell others

HIDING = {
    "threshold": AT_LEAST,
    "rounded": Rule("r", frozenset({HEALTH}), form=Form.ROUNDED, step=Decimal(5)),
    "withheld": Rule("w", frozenset({HEALTH}), form=Form.WITHHELD),
    "ended": replace(AT_LEAST, until_unix_ms=1),
}


@pytest.mark.parametrize("hiding", HIDING.values(), ids=HIDING)
def test_what_would_give_it_away_is_kept_back(hiding: Rule) -> None:
    left = released(pack("EV"), partner(hiding, Rule("rest", groups=frozenset({1, 4}))))
    for key in ("remaining_capacity", "capacity_fade"):
        assert key not in left.values
        assert withheld(left)[key] == f"it would tell {HEALTH}, which is hidden"
    assert "ohmic_resistance" in left.values


def test_a_group_that_is_withheld_hides_no_key_that_is_named() -> None:
    rules = Rule("own", groups=frozenset({4}), form=Form.WITHHELD), Rule("c", frozenset({"remaining_capacity"}))
    assert set(released(pack("EV"), partner(*rules)).values) == {"remaining_capacity"}


def test_a_group_that_is_rounded_does() -> None:
    rules = (Rule("own", groups=frozenset({4}), form=Form.ROUNDED, step=Decimal(10)),
             Rule("c", frozenset({"remaining_capacity"})))  # fmt: skip
    left = released(pack("EV"), partner(*rules))
    assert "remaining_capacity" not in left.values
    assert left.values[HEALTH].content == Decimal(90)


ROUGHLY = Rule("q", frozenset({"remaining_capacity"}), form=Form.ROUNDED, step=Decimal("0.001"))


@pytest.mark.parametrize("hiding", HIDING.values(), ids=HIDING)
def test_nor_does_a_rounded_value_give_it_away(hiding: Rule) -> None:
    """137.894 of 150 Ah are 91.9 %, whatever the bound says."""
    left = released(pack("EV"), partner(hiding, ROUGHLY, Rule("rated", frozenset({"rated_capacity"}))))
    assert "remaining_capacity" not in left.values
    assert withheld(left)["remaining_capacity"] == f"it would tell {HEALTH}, which is hidden"


def test_nor_does_a_bound_of_another_unit() -> None:
    fine = Rule("q", frozenset({"remaining_capacity"}), form=Form.THRESHOLD,
                limits=tuple(Decimal(step) / 10 for step in range(1350, 1380)))  # fmt: skip
    left = released(pack("EV"), partner(AT_LEAST, fine))
    assert set(left.values) == {HEALTH}


@pytest.mark.parametrize(
    ("steps", "told"),
    [({HEALTH: "5", "remaining_capacity": "0.001"}, HEALTH), ({HEALTH: "0.01", "remaining_capacity": "20"},
     "remaining_capacity"), ({HEALTH: "0.01", "capacity_fade": "2"}, "capacity_fade")],
)  # fmt: skip
def test_of_two_that_are_rounded_the_one_that_tells_less_leaves(steps: dict[str, str], told: str) -> None:
    """As a share of what is left of the capacity: a fade of 8.80 % is 91.20 % left."""
    rules = [Rule(key, frozenset({key}), form=Form.ROUNDED, step=Decimal(step)) for key, step in steps.items()]
    assert set(released(pack("EV"), partner(*rules)).values) == {told}


@pytest.mark.parametrize(
    ("hidden", "telling"),
    [("full_cycles", "energy_throughput"), ("energy_throughput", "full_cycles"),
     ("energy_throughput", "capacity_throughput"), ("time_hot", "temperature_histogram"),
     ("temperature_histogram", "time_cold")],
)  # fmt: skip
def test_what_is_counted_tells_what_is_counted(hidden: str, telling: str) -> None:
    rules = Rule("w", frozenset({hidden}), form=Form.WITHHELD), Rule("rest", frozenset({telling}))
    assert withheld(released(pack("LMT"), partner(*rules)))[telling] == f"it would tell {hidden}, which is hidden"


def test_each_derived_value_is_told_by_what_it_is_made_of() -> None:
    """And none of the tables' keys is of another world."""
    derived = {value.key for value in pack("LMT").values.values() if value.origin is Origin.DERIVED}
    assert derived <= {key for family in TELLING for key in family}
    known = {key for category in CATEGORIES for key in pack(category).values}
    assert {key for family in TELLING for key in family} <= known


# ---- one key, one rule


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ((Rule("a", frozenset({"mass"})), Rule("b", frozenset({"mass"}))), "the key mass stands in two rules"),
        ((Rule("a", groups=frozenset({4})), Rule("b", groups=frozenset({4}))), "the group 4 stands in two rules"),
        ((Rule("a", frozenset({"mass"})), Rule("a", frozenset({"soc"}))), "the id a stands in two rules"),
    ],
)
def test_two_rules_for_one_thing_are_refused(rules: tuple[Rule, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        partner(*rules)


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": Form.ROUNDED}, {"form": Form.ROUNDED, "step": Decimal(0)}, {"step": Decimal(1)},
        {"form": Form.THRESHOLD}, {"limits": (Decimal(1),)}, {"form": Form.WITHHELD, "step": Decimal(1)},
    ],
)  # fmt: skip
def test_a_form_has_the_numbers_that_it_needs(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="rule 'a'"):
        Rule("a", frozenset({"mass"}), **wrong)  # type: ignore[arg-type]


def test_losses_and_values_are_all_there_is() -> None:
    source = pack("SBESS")
    rules = AT_LEAST, Rule("open", groups=frozenset({1})), Rule("one", frozenset({"soc"}))
    left = released(source, partner(*rules))
    assert set(left.values) | set(withheld(left)) == set(source.values)
    assert set(left.values).isdisjoint(withheld(left))
