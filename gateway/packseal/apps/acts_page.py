"""The page on which who is responsible for a passport states what has become of the battery.

It is signed in the visitor's own browser (static/acts.js, static/sign), and goes to the service as every statement
does. The page offers what can follow, as far as its reader may see that; the service decides. Of a battery that the
settings name and that has no passport yet, it offers to create that.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from types import MappingProxyType

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from packseal.apps.languages import chosen
from packseal.apps.page_words import rendered
from packseal.apps.passport_reading import PassportReading
from packseal.errors import Reason
from packseal.passport.attributes import ATTRIBUTES, Attribute, Group
from packseal.passport.document import Json
from packseal.passport.life_stages import next_stages, stage_word
from packseal.passport.settings import CATEGORIES
from packseal.passport.stated_values import MEASURED, OF_LIFE, OF_NOTES
from packseal.passport.words import REASONS
from packseal.records.statement_bodies import Stage

GROUP_WORDS = MappingProxyType(
    {
        Group.PUBLIC: "everybody",
        Group.MODEL: "persons with a legitimate interest, authorities, notified bodies and the Commission",
        Group.AUTHORITIES: "authorities, notified bodies and the Commission",
        Group.INDIVIDUAL: "persons with a legitimate interest",
    }
)
CHEMISTRIES = MappingProxyType({"lfp": "LFP, lithium iron phosphate", "nmc": "NMC, nickel manganese cobalt"})
_AGAIN = "Reload this page, look at what was stated meanwhile, and state yours again if it still holds."
_FAULT = "Reload this page and try again; if it stays so, tell who runs the service."
CURES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.MALFORMED: "Correct what is named here, and sign again.",
        Reason.UNKNOWN_VERSION: _FAULT,
        Reason.BAD_SIGNATURE: _FAULT,
        Reason.UNKNOWN_AUTHORITY: "Choose the key file that this service knows, or have its key enrolled by "
        "who runs it.",
        Reason.WRONG_ROLE: "Choose the key of somebody whose role allows it: a test is an assessor's, recycling is a "
        "recycler's, and the rest is for who is responsible.",
        Reason.WRONG_OPERATOR: "Choose the key file of who is responsible, or have the passport handed over to you.",
        Reason.BAD_CONSENT: "Ask for a consent that is made now, and choose its file: the new operator's to a hand-over"
        ", that of who is responsible for the original to a new passport, and for the id that this one gets.",
        Reason.KEY_REVOKED: "Choose your newer key file.",
        Reason.ALREADY_CREATED: "Choose another battery id, or another id of the new passport.",
        Reason.NOT_SEALED: "Have the board of the original battery seal its log, wait until that is stored here, and "
        "sign again.",
        Reason.WRONG_LOG: _FAULT,
        Reason.UNKNOWN_PASSPORT: "Look up the passport's address again.",
        Reason.OUTDATED: _AGAIN,
        Reason.WRONG_STAGE: "Choose a stage that can follow; a passport that has ended takes nothing more.",
        Reason.UNFIT: "State another stage, or name a test or a record with better numbers.",
        Reason.WRONG_BATTERY: "Name records of this battery.",
        Reason.MISSING_ENTRIES: "Wait until the records are stored here, or name others.",
    }
)

_COMMANDS = {
    "seal_command": Markup("<code>packseal key order … seal</code>"),
    "key_command": Markup("<code>packseal key make</code>"),
    "state_command": Markup("<code>packseal passport state</code>"),
}


class ActsPage:
    def __init__(self, reading: PassportReading, public_url: str) -> None:
        """public_url: what the commands of the page name as the service."""
        self._reading, self._public_url = reading, public_url

    def page(self, request: Request) -> Response:
        """Raises HTTPException(404) for a passport that is not there or not shown to whoever asks."""
        name, state = str(request.path_params["battery"]), request.state
        asked = self._reading.asked(name, state.reader, state.reader_name)
        if asked is None or Group.PUBLIC not in asked.groups:
            raise HTTPException(404)
        of = chosen(request.query_params.get("lang"), request.headers.get("accept-language"))
        context = {"name": name, "url": self._public_url, **acts_context(self._reading.document(asked, "acts"))}
        text = rendered("acts.html", of, context, request.query_params.get("lang") == of.code)
        return HTMLResponse(text, headers={"content-language": of.code, "vary": "accept-language, authorization"})


def acts_context(document: Json) -> Mapping[str, object]:
    """Of what the reader is shown. `life` is None where no passport was created."""
    life = document.get("life")
    return {
        **_COMMANDS,
        "document": document,
        "life": life,
        "categories": CATEGORIES,
        "chemistries": CHEMISTRIES,
        "rated": _rated_ah(document),
        "may_live_on": not isinstance(life, Mapping) or life.get("stage") != stage_word(Stage.RECYCLED),
        "stages": offered(life) if isinstance(life, Mapping) else (),
        "sections": _SECTIONS,
        "groups": GROUP_WORDS,
        "refusals": [(str(reason), REASONS[reason], cure) for reason, cure in CURES.items()],
    }


def _rated_ah(document: Json) -> str:
    """As the settings state it, for a form that offers it; "" where they do not, or its reader is not shown it."""
    values = document.get("values")
    found = values.get("rated_capacity_item") if isinstance(values, Mapping) else None
    value = found.get("value") if isinstance(found, Mapping) else None
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else ""


def offered(life: Mapping[str, object]) -> tuple[str, ...]:
    """Words of the stages that can follow. Who may not see the stage is offered every one that can be stated."""
    stage, originals, successors = (life.get(key) for key in ("stage", "originals", "successors"))
    if stage is None or originals is None or successors is None:
        return tuple(stage_word(one) for one in Stage if one is not Stage.PREPARED)
    allowed = next_stages(Stage[str(stage).upper()], bool(originals), bool(successors))
    return tuple(stage_word(one) for one in sorted(allowed))


def _is_stated(attribute: Attribute) -> bool:
    return attribute.group is not None and attribute.key not in MEASURED | OF_LIFE | OF_NOTES


_SECTIONS: tuple[tuple[str, tuple[Attribute, ...]], ...] = tuple(
    (str(section), tuple(found))
    for section, found in groupby(filter(_is_stated, ATTRIBUTES.values()), lambda one: one.section)
)
