"""Writes docs/commands.md from the commands themselves; a test compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from packseal.cli import main

PAGE = Path(__file__).with_name("commands.md")


def page() -> str:
    parts = ["# Commands", "", "Written by `make docs` from the program's own help.", ""]
    for name, command, context in _commands("packseal", main, click.Context(main, info_name="packseal")):
        parts += [f"## {name}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    return "\n".join(parts)


def _commands(
    name: str, command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context.terminal_width = context.max_content_width = 110
    yield name, command, context
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            child = command.commands[child_name]
            child_context = click.Context(child, info_name=child_name, parent=context)
            yield from _commands(f"{name} {child_name}", child, child_context)


if __name__ == "__main__":
    PAGE.write_text(page())
