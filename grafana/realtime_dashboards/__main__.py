"""`python -m realtime_dashboards`: write the dashboards, or draw them from a Prometheus."""

import argparse
import json
import sys
import time
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from realtime_dashboards.page import DOCS_URL
from realtime_dashboards.pages import PAGES

HERE = Path(__file__).parents[1]


def files(docs_url: str = DOCS_URL) -> dict[str, str]:
    """File name -> content, of all dashboards."""
    dashboards = [page(docs_url).build() for page in PAGES]
    return {
        f"{board.uid}.json": json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for board in dashboards
    }


def write(folder: Path, docs_url: str) -> None:
    """Write all dashboards into a folder; what else is JSON there is of one that is no more, and goes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = files(docs_url)
    for path in folder.glob("*.json"):
        if path.name not in written:
            path.unlink()
    for name, content in written.items():
        (folder / name).write_text(content, encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="realtime_dashboards", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="write the JSON that Grafana reads")
    writing.add_argument("--folder", type=Path, default=HERE / "dashboards")
    writing.add_argument("--docs-url", default=DOCS_URL, help="where docs/ is served, for the panels' links")
    drawing = commands.add_parser("draw", help="draw each dashboard to a PNG, from a Prometheus's answers")
    drawing.add_argument("--prometheus", default="http://127.0.0.1:9090", help="its address")
    drawing.add_argument("--minutes", type=float, default=60, help="how far to look back from now")
    drawing.add_argument("--folder", type=Path, default=Path("dashboards-png"))
    asked = parser.parse_args(arguments)
    if asked.command == "write":
        write(asked.folder, asked.docs_url)
    else:
        from realtime_dashboards.pictures import draw_all  # noqa: PLC0415 - writing needs no matplotlib

        now = time.time()
        draw_all(asked.prometheus, now - 60 * asked.minutes, now, asked.folder)


if __name__ == "__main__":
    main(sys.argv[1:])
