"""Bundles that do not hold, each for one fault in what is shown of a record (step 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from packseal.records.blinding import CEILING_FIELD, FLOOR_FIELD
from packseal.records.bundle import Bundle
from packseal.records.cbor import Sign1, Value, encode
from packseal.records.disclosure import Disclosure, ShownLeaf, Wanted, disclose
from packseal.records.merkle import Edge, leaf_hash, subset_proof
from tests.vectors.bundles_bad import Bad, Faults, made
from tests.vectors.entries import SOH
from tests.vectors.estimates import KNOWN
from tests.vectors.scenes import SEED_OF_OTHERS, scene, with_estimates
from tests.vectors.world import OTHER_BOARD, Log


def bad_disclosure_bundles() -> list[Bad]:
    parts: list[tuple[str, Callable[[], Faults]]] = [("4.6", _disclosures), ("4.6", _cells), ("4.7", _bounds),
                                                           ("4.6", _estimates)]  # fmt: skip
    return [made(fault, clause) for clause, faults in parts for fault in faults()]


def _disclosures() -> Faults:
    s = scene()
    log = s.logs["example"]
    _, good = disclose(log.entries[4], log.record_seed(4), Wanted(fields=[2, 8]))
    two, eight = good.shown
    value: Any = good.to_map()

    def shown(**changed: Any) -> Bundle:
        return s.disclosed(4, replace(good, **changed))

    def raw(changed: Value) -> Bundle:
        return s.disclosed(4, changed)

    _, other = disclose(log.entries[5], log.record_seed(5), Wanted(fields=[2, 8]))
    yield "a shown value altered", shown(shown=(two, replace(eight, value=9999))), "bad-disclosure"
    yield "a shown value under another salt", shown(shown=(two, replace(eight, salt=bytes(16)))), "bad-disclosure"
    yield (
        "a shown value under the salt of another field",
        shown(shown=(two, replace(eight, salt=two.salt))),
        "bad-disclosure",
    )
    yield "a shown value under another key", shown(shown=(two, replace(eight, number=10))), "bad-disclosure"
    yield "a value shown as absent", shown(shown=(two, replace(eight, value=None))), "bad-disclosure"
    yield "a shown value of another record", shown(shown=(two, other.shown[1])), "bad-disclosure"
    yield from _lies()
    yield "the disclosure of another record", s.disclosed(4, other), "bad-disclosure"
    yield "a shown value left out", shown(shown=(two,)), "bad-disclosure"
    yield "a hash too few", shown(hashes=good.hashes[:-1]), "bad-disclosure"
    yield "a hash too many", shown(hashes=(*good.hashes, bytes(32))), "bad-disclosure"
    yield (
        "two hashes the other way round",
        shown(hashes=(good.hashes[1], good.hashes[0], *good.hashes[2:])),
        "bad-disclosure",
    )
    yield "a hash altered", shown(hashes=(bytes(32), *good.hashes[1:])), "bad-disclosure"
    yield "nothing shown, and no hash", s.disclosed(4, Disclosure((), ())), "bad-disclosure"
    yield "nothing shown, and two hashes", s.disclosed(4, Disclosure((), (bytes(32), bytes(32)))), "bad-disclosure"
    yield "shown values out of order", shown(shown=(eight, two)), "malformed"
    yield "a shown value twice", shown(shown=(two, eight, eight)), "malformed"
    yield "a shown value under key 16", shown(shown=(two, replace(eight, number=16))), "malformed"
    yield "a shown value under key -1", shown(shown=(replace(two, number=-1), eight)), "malformed"
    yield "a shown value without its salt", raw({**value, 1: [[2, 10]]}), "malformed"
    yield "a salt of 15 bytes", shown(shown=(two, replace(eight, salt=eight.salt[:15]))), "malformed"
    yield "a hash of 31 bytes", shown(hashes=(good.hashes[0][:31], *good.hashes[1:])), "malformed"
    yield "a disclosure without hashes", raw({1: value[1]}), "malformed"
    yield "a disclosure without shown values", raw({2: value[2]}), "malformed"
    yield "a disclosure with key 6", raw({**value, 6: []}), "malformed"
    yield "a shown value of another kind", shown(shown=(two, replace(eight, value="5004"))), "malformed"
    yield "a shown value with a tag in it", shown(shown=(replace(two, number=0, value=Sign1([])), eight)), "malformed"
    yield "shown values as a map", raw({**value, 1: {2: 10}}), "malformed"


def _lies() -> Faults:
    """What the board itself signed for, and no reader takes."""
    s = scene()
    log = Log(OTHER_BOARD, SEED_OF_OTHERS)
    leaves = [leaf_hash(bytes([key])) for key in range(16)]
    for name, key, value in (("another kind", 8, "5004"), ("a root of its cells of 31 bytes", 6, bytes(31))):
        leaf = ShownLeaf(key, value, bytes(16))
        told = [leaf.leaf if number == key else other for number, other in enumerate(leaves)]
        entry = encode([2, 1, 1, 0, Edge().extended(told).root()])
        log.entries[1:], log.leaves[1:] = [entry], [leaf_hash(entry)]
        s.logs["lying"] = log
        disclosure = Disclosure((leaf,), tuple(subset_proof(told, [key])))
        checkpoint = log.checkpoint(boot=1, uptime_ms=0)
        yield (
            f"a value that the board signed for as {name}",
            s.receipt("lying", "lying").bundle("lying", 1, checkpoint=checkpoint, shown=disclosure.to_map()),
            "malformed",
        )


def _cells() -> Faults:
    s = scene()
    log = s.logs["example"]
    _, good = disclose(log.entries[4], log.record_seed(4), Wanted(cells=[1, 4]))
    _, other = disclose(log.entries[5], log.record_seed(5), Wanted(cells=[1, 4]))
    assert good.cells is not None
    one, four = good.cells.shown
    cells = good.cells

    def shown(**changed: Any) -> Bundle:
        return s.disclosed(4, replace(good, cells=replace(cells, **changed)))

    _, without = disclose(log.entries[4], log.record_seed(4), Wanted(fields=[8]))
    yield "a cell block altered", shown(shown=(one, replace(four, value=4000))), "bad-disclosure"
    yield "a cell block under another number", shown(shown=(one, replace(four, number=5))), "bad-disclosure"
    yield "a cell block shown as not available", shown(shown=(one, replace(four, value=None))), "bad-disclosure"
    yield "a cell block under another salt", shown(shown=(one, replace(four, salt=one.salt))), "bad-disclosure"
    yield "the cells of another window", s.disclosed(4, replace(good, cells=other.cells)), "bad-disclosure"
    yield "cells without the root of their tree", s.disclosed(4, replace(without, cells=cells)), "bad-disclosure"
    yield "a hash too many among the cells", shown(hashes=(*cells.hashes, bytes(32))), "bad-disclosure"
    yield "a hash too few among the cells", shown(hashes=cells.hashes[:-1]), "bad-disclosure"
    yield "one cell block more than there are", shown(count=7), "bad-disclosure"
    yield "one cell block fewer than there are", shown(count=5), "bad-disclosure"
    yield "a cell block beyond the last", shown(shown=(one, replace(four, number=6))), "malformed"
    yield "cell blocks out of order", shown(shown=(four, one)), "malformed"
    yield "no cell blocks", s.disclosed(4, replace(good, cells=replace(cells, count=0, shown=()))), "malformed"
    root = good.shown[0]
    another = replace(good, shown=(replace(root, value=bytes(32)),))
    yield "another root of the cells", s.disclosed(4, another), "bad-disclosure"
    column = replace(good, shown=(replace(root, value=b"\x01"),), cells=None)
    yield "the column in place of the root of the cells", s.disclosed(4, column), "malformed"


def _bounds() -> Faults:
    s = scene()
    log = s.logs["example"]
    _, good = disclose(log.entries[SOH], log.record_seed(SOH), Wanted(at_least_cpct=9000, at_most_cpct=9500))
    assert good.floor is not None
    assert good.ceiling is not None
    floor, ceiling = good.floor, good.ceiling

    def shown(**changed: Any) -> Bundle:
        return s.disclosed(SOH, replace(good, **changed))

    def without(key: int) -> Bundle:
        fields = [FLOOR_FIELD + CEILING_FIELD - key]
        _, found = disclose(log.entries[SOH], log.record_seed(SOH), Wanted(fields=fields))
        return s.disclosed(SOH, replace(found, floor=floor if key == FLOOR_FIELD else None,
                                        ceiling=ceiling if key == CEILING_FIELD else None))  # fmt: skip

    yield "a lower bound one step higher", shown(floor=(floor[0] + 1, floor[1])), "bad-threshold"
    yield "a lower bound one step lower", shown(floor=(floor[0] - 1, floor[1])), "bad-threshold"
    yield "an upper bound one step lower", shown(ceiling=(ceiling[0] + 1, ceiling[1])), "bad-threshold"
    yield "an upper bound one step higher", shown(ceiling=(ceiling[0] - 1, ceiling[1])), "bad-threshold"
    yield "a lower bound shown as an upper one", shown(ceiling=floor), "bad-threshold"
    yield "an upper bound shown as a lower one", shown(floor=ceiling), "bad-threshold"
    yield "a link altered", shown(floor=(floor[0], bytes(32))), "bad-threshold"
    yield "a lower bound of 0 steps", shown(floor=(0, _end(good, FLOOR_FIELD))), "bad-threshold"
    yield "an upper bound of 0 steps", shown(ceiling=(0, _end(good, CEILING_FIELD))), "bad-threshold"
    yield "a lower bound of 256 steps", shown(floor=(256, floor[1])), "bad-threshold"
    yield "a lower bound without the end of its chain", without(FLOOR_FIELD), "bad-threshold"
    yield "an upper bound without the end of its chain", without(CEILING_FIELD), "bad-threshold"
    short = replace(good.shown[0], value=bytes(31))
    yield "the end of a chain of 31 bytes", shown(shown=(short, good.shown[1])), "malformed"
    yield "a link of 31 bytes", shown(floor=(floor[0], floor[1][:31])), "malformed"
    yield "a bound without its link", s.disclosed(SOH, good.to_map() | {4: [180]}), "malformed"
    yield (
        "the end of a chain altered",
        shown(shown=(ShownLeaf(FLOOR_FIELD, bytes(32), good.shown[0].salt), good.shown[1])),
        "bad-disclosure",
    )
    _, of_window = disclose(log.entries[4], log.record_seed(4), Wanted(fields=[8]))
    yield "a bound of a window", s.disclosed(4, replace(of_window, floor=floor)), "malformed"
    _, cells = disclose(log.entries[4], log.record_seed(4), Wanted(cells=[1]))
    yield "cells of a statement", shown(cells=cells.cells), "malformed"


def _estimates() -> Faults:
    s = with_estimates()
    log = s.logs["estimates"]
    _, good = disclose(log.entries[KNOWN], log.record_seed(KNOWN), Wanted(fields=[1, 4]))
    quantity, value = good.shown
    links = good.to_map() | {4: [1, bytes(32)]}

    def shown(disclosure: Disclosure | Value) -> Bundle:
        return s.disclosed(KNOWN, disclosure, "estimates", acts=["bind estimates"])

    def with_value(key: int, changed: Value) -> Bundle:
        return shown(replace(good, shown=(quantity, ShownLeaf(key, changed, value.salt))))

    yield "an estimate shown with another value", with_value(4, [4310, 55]), "bad-disclosure"
    yield "an estimate shown with a smaller uncertainty", with_value(4, [4210, 5]), "bad-disclosure"
    yield "an estimate shown without its value", with_value(4, None), "bad-disclosure"
    yield "an estimate shown with a lack in place of its value", with_value(5, [1]), "bad-disclosure"
    yield "an estimate shown without its uncertainty", with_value(4, [4210]), "malformed"
    yield "an estimate shown with lacks out of order", with_value(5, [2, 1]), "malformed"
    yield "an estimate shown with nothing lacking", with_value(5, []), "malformed"
    yield "an estimate shown with a least block of text", with_value(9, ["7", 344, 6]), "malformed"
    yield (
        "an estimate shown of quantity 0",
        shown(replace(good, shown=(replace(quantity, value=0), value))),
        "malformed",
    )
    yield "a bound of an estimate", shown(links), "malformed"
    yield "cells of an estimate", shown(good.to_map() | {3: [1, [], [bytes(32)]]}), "malformed"


def _end(good: Disclosure, key: int) -> bytes:
    return next(leaf.value for leaf in good.shown if leaf.number == key)  # type: ignore[return-value]
