"""Reading the pages of the documentation."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from markdown_it import MarkdownIt

from uipbench.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
TUTORIAL = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
RUN = [ROOT / "README.md", *TUTORIAL]
WRITTEN_BY_HAND = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FILE = re.compile(r"`([\w./-]+)`:$")


@dataclass(frozen=True, slots=True)
class Block:
    """A code block.

    Attributes:
        language: As written behind the fence; blocks without one are shell.
        file: The file that the sentence before it names (``...`name`:``), or nothing.
    """

    page: str
    language: str
    text: str
    file: str


def blocks(path: Path) -> list[Block]:
    tokens = MarkdownIt().parse(path.read_text(encoding="utf-8"))
    page = path.relative_to(ROOT).as_posix()
    found = []
    for i, token in enumerate(tokens):
        if token.type != "fence" or token.info.startswith("{"):
            continue
        before = tokens[i - 2] if i > 1 and tokens[i - 1].type == "paragraph_close" else None
        named = _FILE.search(before.content) if before is not None else None
        file = named.group(1) if named else ""
        found.append(Block(page, token.info.strip() or "console", token.content.strip(), file))
    return found


def commands(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its path, groups included."""
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, *path, name)


def options(command: click.Command) -> set[str]:
    return {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }


def wrong_usage(line: str) -> list[str]:
    """What is not a command or an option of uipbench in a line of shell."""
    words = shlex.split(line, comments=True)
    while words and words[0] != "uipbench":
        words.pop(0)
    command: click.Command = cli
    problems = []
    for word in words[1:]:
        if word in {"&&", "|", ">", ";"}:
            break
        if isinstance(command, click.Group) and not word.startswith("-"):
            if word not in command.commands:
                return [f"{word}: no such command: {line}"]
            command = command.commands[word]
        elif word.startswith("--"):
            known = options(command) | {"--help"}
            problems += [] if word.split("=")[0] in known else [f"{word}: no option: {line}"]
    return problems
