"""Which settings file this is, and whether it holds, with the files that it names.

Decides by the file's name where that says it, else by its keys: of the files whose required keys it has, or nearly, the
one that knows most of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packseal.apps.mistakes import Mistakes, check_key, check_place
from packseal.errors import ConfigError
from packseal.io.bridge_settings import BridgeFile
from packseal.io.catenax_settings import CatenaXSettings
from packseal.io.files import read_bounded
from packseal.io.names_settings import NamesFile
from packseal.io.ouranos_settings import OuranosSettings
from packseal.io.partner_settings import PartnerFile
from packseal.io.setting_types import Table
from packseal.io.settings import GatewaySettings, PassportFileSettings, PolicyFileSettings
from packseal.io.settings_file import MAX_CONFIG_BYTES
from packseal.io.witness_settings import MonitorSettings, WitnessSettings

MODELS: Mapping[str, type[Table]] = {
    "gateway": GatewaySettings,
    "passport": PassportFileSettings,
    "policy": PolicyFileSettings,
    "witness": WitnessSettings,
    "monitor": MonitorSettings,
    "partner": PartnerFile,
    "names": NamesFile,
    "catenax": CatenaXSettings,
    "ouranos": OuranosSettings,
    "bridge": BridgeFile,
}
"""By the names that the documents give these files."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """line: None where it is of no line of the file itself."""

    line: int | None
    words: str


@dataclass(frozen=True, slots=True)
class ConfigReport:
    path: Path
    kind: str
    mistakes: tuple[Mistake, ...]

    def as_json(self) -> dict[str, object]:
        mistakes = [{"line": one.line, "words": one.words} for one in self.mistakes]
        return {"file": str(self.path), "kind": self.kind, "is_good": not mistakes, "mistakes": mistakes}


def check_config(path: Path, kind: str | None = None) -> ConfigReport:
    """kind: a name of MODELS, where it is known. Raises ConfigError for a file that cannot be told or read."""
    found = kind or kind_of(path)
    try:
        _check(path, found)
    except ConfigError as error:
        return ConfigReport(path, found, tuple(_mistake(path, words) for words in str(error).split("\n")))
    return ConfigReport(path, found, ())


def kind_of(path: Path) -> str:
    """Raises ConfigError where neither name nor keys tell."""
    if path.stem in MODELS:
        return path.stem
    try:
        keys = set(tomllib.loads(read_bounded(path, MAX_CONFIG_BYTES).decode()))
    except (ValueError, RecursionError) as error:  # also of numbers too long and nesting too deep
        raise ConfigError(f"{path}: not TOML: {error}; or say what it is with --kind") from None
    fits = sorted(((_fit(keys, model), kind) for kind, model in MODELS.items()), reverse=True)
    if not fits[0][0] or fits[0][0] == fits[1][0]:
        raise ConfigError(f"{path}: its keys are of no settings file alone; say which with --kind: {', '.join(MODELS)}")
    return fits[0][1]


def _fit(keys: set[str], model: type[Table]) -> int:
    """How many of the keys the model knows, less those that it misses or does not know; 0 or more."""
    required = {name for name, one in model.model_fields.items() if one.is_required()}
    return max(0, 2 * len(keys & set(model.model_fields)) - len(required - keys) - len(keys - set(model.model_fields)))


def _check(path: Path, kind: str) -> None:
    """What the settings name is checked too where they name something; of the other kinds, the file alone."""
    checks: Mapping[str, Callable[[Path], object]] = {
        "gateway": _gateway,
        "passport": _passport,
        "policy": _policy,
        "witness": _witness,
    }
    if kind in checks:
        checks[kind](path)
    else:
        _file_alone(path, kind)


def _gateway(path: Path) -> None:
    from packseal.apps.gateway_files import checked_gateway  # noqa: PLC0415 - each kind loads what its own check needs

    checked_gateway(path)


def _passport(path: Path) -> None:
    from packseal.apps.passport_files import checked_passport  # noqa: PLC0415 - the same

    checked_passport(path)


def _policy(path: Path) -> None:
    from packseal.apps.export import load_policy  # noqa: PLC0415 - the same

    load_policy(path)


def _witness(path: Path) -> None:
    mistakes = Mistakes(path)
    settings = mistakes.loaded(WitnessSettings)
    if settings:
        with mistakes.of("key"):
            check_key(settings.key)
        with mistakes.of("store"):
            check_place(settings.store)
    if mistakes.found:
        raise mistakes.error


def _file_alone(path: Path, kind: str) -> None:
    mistakes = Mistakes(path)
    if mistakes.loaded(MODELS[kind]) is None:
        raise mistakes.error


def _mistake(path: Path, words: str) -> Mistake:
    line, _, rest = words.removeprefix(f"{path}:").partition(": ")
    is_placed = words.startswith(f"{path}:") and line.isdecimal()
    return Mistake(int(line), rest) if is_placed else Mistake(None, words)
