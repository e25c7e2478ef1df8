"""Every panel of every dashboard has something to say of real pods that have a bad minute, and can be drawn."""

import json
import math
import os
import time
from pathlib import Path

import pytest
import yaml
from PIL import Image

from dashboards.stage import SCRAPE_SECONDS, stage
from parts.tokens import Issuer
from parts.topics import Topics
from realtime_dashboards.pictures import ask, draw

ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
LARGEST_PICTURE_BYTES = 250_000


@pytest.fixture
def prefix() -> str:
    """Topics as they are called in a shop, not in a test: their names are in the pictures."""
    return "shop"


@pytest.fixture
def impatient_rules(tmp_path: Path) -> Path:
    """The rules of deploy/, with an answer within seconds where they wait for minutes."""
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if "alert" in rule:
                rule["for"] = "1s"
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rules))
    return path


@pytest.mark.timeout(300)
async def test_every_panel_of_every_dashboard_tells_something_and_is_drawn(
    topics: Topics, issuer: Issuer, impatient_rules: Path, tmp_path: Path
) -> None:
    # `make dashboards-png` keeps the pictures.
    pictures = Path(os.environ.get("DASHBOARDS_PNG") or tmp_path / "pictures")
    pictures.mkdir(parents=True, exist_ok=True)
    async with stage(tmp_path, topics, issuer, [impatient_rules]) as shop:
        began = time.time()
        await shop.is_calm(8)
        await shop.bad_records_come()
        await shop.strangers_come()
        await shop.one_comes_back()
        await shop.one_does_not_read()
        await shop.redis_is_away()
        await shop.a_pod_is_replaced()
        await shop.is_calm(5)
        ended = time.time()

        silent = []
        for path in DASHBOARDS:
            dashboard = json.loads(path.read_text())
            answers = ask(shop.prometheus.url, dashboard, began, ended, rate_seconds=5 * SCRAPE_SECONDS)
            for panel in dashboard["panels"]:
                for target in panel.get("targets", ()):
                    told = [
                        value
                        for series in answers.panels[panel["id"]]
                        if series.ref == target["refId"]
                        for value in series.values
                        if math.isfinite(value)
                    ]
                    if not told:
                        silent.append(f"{dashboard['title']} / {panel['title']}: {target['expr']}")
            assert answers.marks["A pod starts"], "the pod that was replaced is marked"
            assert answers.marks["A pod leaves"], "and that it left"
            picture = pictures / f"{path.stem.removeprefix('realtime-')}.png"
            draw(dashboard, answers, picture)
            assert picture.stat().st_size < LARGEST_PICTURE_BYTES
            with Image.open(picture) as image:
                assert image.width == 1_500
                assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 50, "something is drawn"
    assert not silent, "these had nothing to say:\n" + "\n".join(silent)
