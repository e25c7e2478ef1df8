"""What docs/operations.md rests on is there: each file, test, fault, alert and setting that it names."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from realtime.settings import KafkaSettings, Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"
TEXT = PAGE.read_text()
LINKS = sorted(set(re.findall(r"\]\(([^)\s]+)\)", TEXT)))
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", TEXT)))
ALERTS = sorted(set(re.findall(r"\bRealtime[A-Z]\w+", TEXT)))
# `section.name`, or `section.prefix_*`.
SETTINGS = sorted(
    name
    for name in set(re.findall(r"`([a-z]+\.[a-z_]+\*?)`", TEXT))
    if name.partition(".")[0] in Settings.model_fields and not name.endswith((".md", ".py"))
)


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_it_names_enough_to_look_for() -> None:
    assert min(map(len, (LINKS, TESTS, ALERTS, SETTINGS))) > 3


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (PAGE.parent / path).resolve() if path else PAGE
    assert target.exists()
    if anchor:
        assert anchor in headings(target)


@pytest.mark.parametrize("name", TESTS)
def test_a_test_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert any(found.startswith("test_") for found in functions)
    assert not function or function in functions


def test_a_fault_is_one_of_the_checkers() -> None:
    source = (ROOT / "loadtest" / "chaos" / "faults.py").read_text()
    faults = set(re.findall(r'^    name = "(\w+)"', source, re.MULTILINE))
    # "chaos `one`, `two`": each of the names that follow the word.
    lists = re.findall(r"[Cc]haos ((?:`\w+`(?:, )?)+)", TEXT)
    named = {name for said in lists for name in re.findall(r"`(\w+)`", said)}
    assert named
    assert named <= faults


def test_an_alert_is_in_the_rules() -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())["groups"]
    rules = {rule.get("alert") for group in groups for rule in group["rules"]}
    assert set(ALERTS) <= rules


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_is_there(setting: str) -> None:
    section, _, name = setting.partition(".")
    model = Settings.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    prefix = name.rstrip("*")
    assert any(field == name or (name.endswith("*") and field.startswith(prefix)) for field in model.model_fields)


def test_the_topics_that_are_made_by_hand_are_those_that_pods_read() -> None:
    kafka = KafkaSettings()
    (made,) = re.findall(r"^for topic in (.+); do$", (PAGE.parent / "kubernetes.md").read_text(), re.MULTILINE)
    assert set(made.split()) == {*kafka.topics.by_event().values(), kafka.dead_letter_topic}
