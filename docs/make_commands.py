"""Writes docs/commands.md from the commands themselves; a test compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from packseal.cli import main

PAGE = Path(__file__).with_name("commands.md")


def page() -> str:
    parts = ["# Commands", "", "Written by `make docs` from the program's own help.", ""]
    for name, command, context in _commands("packseal", main, None):
        parts += [f"## {name}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(parts)


def _commands(
    name: str, command: click.Command, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    info_name = name.rpartition(" ")[2]
    context = click.Context(command, info_name=info_name, parent=parent, **command.context_settings)
    context.terminal_width = context.max_content_width = 110
    yield name, command, context
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            yield from _commands(f"{name} {child_name}", command.commands[child_name], context)


if __name__ == "__main__":
    PAGE.write_text(page())
