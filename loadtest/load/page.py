"""A report as one file of HTML that needs nothing else: for a browser, light or dark, and for paper."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

STYLE: Final = Path(__file__).with_name("page.css")
# Columns that hold words; all others hold numbers.
WORDS: Final = frozenset({"what", "limit", "entry", "process", ""})


@dataclass(frozen=True)
class Table:
    """Rows under a title; `note` stands below it."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Page:
    """What stands on it, from top to bottom: the verdict first. `pictures` are PNG, by what they show."""

    title: str
    verdict: str
    is_good: bool
    problems: Sequence[str]
    numbers: Sequence[tuple[str, str]]  # value, and of what
    notes: Sequence[str]  # with which they are to be read
    facts: Mapping[str, str]
    first: Sequence[Table]
    pictures: Mapping[str, bytes]
    then: Sequence[Table]
    events: Sequence[str]

    def html(self) -> str:
        """The whole file."""
        mood = "good" if self.is_good else "bad"
        return "\n".join(
            [
                "<!doctype html>",
                '<html lang="en"><head><meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{escape(self.title)}</title>",
                f"<style>{STYLE.read_text()}</style></head><body><main>",
                f"<h1>{escape(self.title)}</h1>",
                f'<p class="verdict {mood}">{escape(self.verdict)}</p>',
                *_list(self.problems[1:]),
                '<dl class="numbers">',
                *(f"<div><dd>{escape(value)}</dd><dt>{escape(of)}</dt></div>" for value, of in self.numbers),
                "</dl>",
                *(f"<p class=warning>{escape(note)}</p>" for note in self.notes),
                *(line for table in self.first for line in _table(table)),
                *(line for what, png in self.pictures.items() for line in _picture(what, png)),
                *(line for table in self.then for line in _table(table)),
                *(["<h2>What was done to the pods</h2>", *_list(self.events)] if self.events else ()),
                "<h2>The run</h2><dl class=facts>",
                *(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in self.facts.items()),
                "</dl></main></body></html>",
                "",
            ]
        )


def _list(items: Sequence[str]) -> list[str]:
    return ["<ul>", *(f"<li>{escape(item)}</li>" for item in items), "</ul>"] if items else []


def _table(table: Table) -> list[str]:
    if not table.rows:
        return []
    kinds = ["word" if heading in WORDS else "number" for heading in table.headings]
    return [
        f"<section><h2>{escape(table.title)}</h2><div class=scroll><table><thead><tr>",
        *(f'<th class="{kind}">{escape(h)}</th>' for h, kind in zip(table.headings, kinds, strict=True)),
        "</tr></thead><tbody>",
        *("<tr>" + "".join(map(_cell, row, kinds)) + "</tr>" for row in table.rows),
        "</tbody></table></div>",
        *([f"<p class=note>{escape(table.note)}</p>"] if table.note else ()),
        "</section>",
    ]


def _cell(text: str, kind: str) -> str:
    mood = {"kept": " good", "BROKEN": " bad"}.get(text, "")
    return f'<td class="{kind}{mood}">{escape(text)}</td>'


def _picture(what: str, png: bytes) -> list[str]:
    source = f"data:image/png;base64,{b64encode(png).decode()}"
    return [f'<figure><img alt="{escape(what)}" src="{source}"></figure>']
