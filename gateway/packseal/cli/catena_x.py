"""A battery's twin in Catena-X: shown, published, withdrawn, and word of its changes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from packseal.cli.root import FILE
from packseal.errors import ConfigError

if TYPE_CHECKING:
    from packseal.apps.exchange.catena_x import Offering

NAMES_OPTION = click.option("--names", type=FILE, required=True, help="TOML file: what battery and maker are called.")
ACCESS_OPTION = click.option("--access", required=True, help="Id of the access policy: who sees the offer.")
USAGE_OPTION = click.option("--usage", required=True, help="Id of the usage policy: what a contract permits.")
ASPECT_OPTION = click.option("--aspect", "aspects", multiple=True, help="Only this one; repeatable. All without.")
READER_OPTION = click.option("--reader", "readers", multiple=True, help="BPNL of who may find the twin; repeatable.")


@click.group("catena-x")
def catena_x() -> None:
    """Publish a battery's twin in Catena-X: aspects at the own connector, the twin at its registry.

    What partners then read comes from the passport service, by each partner's rules (`[catena_x]` of passport.toml).

    \b
    packseal exchange catena-x publish catenax.toml 3f… --names names.toml --access partners --usage dpp
    """


@catena_x.command("show")
@click.argument("settings", type=FILE)
@click.argument("passport")
@NAMES_OPTION
@ACCESS_OPTION
@USAGE_OPTION
@ASPECT_OPTION
@READER_OPTION
def show(
    *, settings: Path, passport: str, names: Path, access: str, usage: str, aspects: tuple[str, ...],
    readers: tuple[str, ...],
) -> None:  # fmt: skip
    """Print the descriptor and the offer that would be published; nothing is sent."""
    from packseal.apps.exchange.catena_x import descriptor, offer
    from packseal.io.catenax_settings import load_catenax

    loaded, offering = load_catenax(settings), _offering(passport, names, access, usage, aspects, readers)
    found = offer(loaded, offering)
    parts = {"assets": found.assets, "accessPolicy": found.access_policy, "usagePolicy": found.usage_policy}
    click.echo(json.dumps({"shellDescriptor": descriptor(loaded, offering), **parts}, indent=1))


@catena_x.command("publish")
@click.argument("settings", type=FILE)
@click.argument("passport")
@NAMES_OPTION
@ACCESS_OPTION
@USAGE_OPTION
@ASPECT_OPTION
@READER_OPTION
def publish(
    *, settings: Path, passport: str, names: Path, access: str, usage: str, aspects: tuple[str, ...],
    readers: tuple[str, ...],
) -> None:  # fmt: skip
    """Offer the aspects of PASSPORT, and register its twin. Run again, it changes what has changed.

    \b
    packseal exchange catena-x publish catenax.toml 3f… --names names.toml --access partners --usage dpp
        --reader BPNL00000003AYRE
    """
    from packseal.apps.exchange.catena_x import published
    from packseal.apps.exchange.sent import kept
    from packseal.io.catenax_settings import load_catenax

    offering = _offering(passport, names, access, usage, aspects, readers)
    _say(published(load_catenax(settings), offering, kept(settings)))


@catena_x.command("withdraw")
@click.argument("settings", type=FILE)
@click.argument("passport")
def withdraw(*, settings: Path, passport: str) -> None:
    """Take the twin of PASSPORT out of the registry, and its aspects off the connector."""
    from packseal.apps.exchange.catena_x import withdrawn
    from packseal.apps.exchange.sent import kept
    from packseal.io.catenax_settings import load_catenax

    _say(withdrawn(load_catenax(settings), passport, kept(settings)))


@catena_x.command("notify")
@click.argument("settings", type=FILE)
@click.argument("passport")
@click.option("--to", "participant_id", required=True, metavar="DID", help="The partner's identity.")
@click.option("--dsp", "dsp_url", required=True, metavar="URL", help="Of the partner's connector.")
@click.option("--bpnl", required=True, help="The partner's number.")
@USAGE_OPTION
@ASPECT_OPTION
def notify(
    *, settings: Path, passport: str, participant_id: str, dsp_url: str, bpnl: str, usage: str,
    aspects: tuple[str, ...],
) -> None:  # fmt: skip
    """Tell a partner that aspects of PASSPORT have changed, under a usage policy that it offers word for word.

    \b
    packseal exchange catena-x notify catenax.toml 3f… --to did:web:depot.example --dsp https://edc.depot.example/dsp
        --bpnl BPNL00000003AYRE --usage events --aspect product-condition
    """
    import time

    from packseal.apps.exchange.catena_x import Told, checked_aspects, notified
    from packseal.apps.exchange.sent import kept
    from packseal.io.catenax_settings import load_catenax

    told = Told(participant_id, dsp_url, bpnl, usage)
    loaded, names = load_catenax(settings), checked_aspects(aspects)
    click.echo(notified(loaded, passport, names, told, time.sleep, kept(settings)))


def _offering(
    passport: str, names: Path, access: str, usage: str, aspects: tuple[str, ...], readers: tuple[str, ...]
) -> Offering:
    from packseal.apps.exchange.catena_x import Offering, checked_aspects
    from packseal.apps.exchange.exporting import read_names

    identifiers = read_names(names).identifiers
    if identifiers is None:
        raise ConfigError(f"{names}: names no part")
    return Offering(passport, identifiers, checked_aspects(aspects), access, usage, readers)


def _say(outcomes: Iterable[tuple[str, str]]) -> None:
    for name, outcome in outcomes:
        click.echo(f"{name}: {outcome}")
