"""Templates in the languages of the pages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from packseal.apps.languages import CODES, Language, language

FOLDER = Path(__file__).parent / "templates"
VERIFY_COMMAND = Markup("<code>packseal verify</code>")


def rendered(template: str, of: Language, context: Mapping[str, object], is_asked: bool = False, kept: str = "") -> str:
    """is_asked: the address names the language, and so do the links of the page. kept: what else of the address stays
    when a reader changes the language."""
    query = f"?lang={of.code}" if is_asked else ""
    links = {"query": query, "and_query": query.replace("?", "&"), "kept": kept}
    return _environment(of.code).get_template(template).render({**links, **context})


@lru_cache
def _environment(code: str) -> Environment:
    """An own one for each language, since macros of included files see what an environment knows."""
    of = language(code)
    loader = FileSystemLoader(FOLDER)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.globals |= {
        "language": of,
        "languages": [language(one) for one in CODES],
        "_": of.say,
        "t": of.text,
        "plain": of.plain,
        "verify_command": VERIFY_COMMAND,
        "zero_seconds": Markup("<span>{}</span>").format(of.plain("0 s")),
    }
    return made
