"""An import points down the house; what breaks that is caught."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ".importlinter"
PACKAGE = ROOT / "service" / "realtime"


def lint_imports(service: Path) -> subprocess.CompletedProcess[str]:
    """Hold the package in `service` to the project's contracts."""
    command = (Path(sys.executable).with_name("lint-imports"), "--config", CONFIG, "--no-cache", "--no-logo")
    environment = os.environ | {"PYTHONPATH": str(service)}
    return subprocess.run(command, cwd=service, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package's modules, to plant violations in."""
    others = shutil.ignore_patterns("__pycache__", "*.html", "*.js", "*.css")
    shutil.copytree(PACKAGE, tmp_path / "realtime", ignore=others)
    return tmp_path


def test_every_contract_is_kept() -> None:
    checked = lint_imports(PACKAGE.parent)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


def test_a_copy_of_the_house_keeps_them_too(house: Path) -> None:
    assert lint_imports(house).returncode == 0


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("events/fact.py", "import realtime.gateway.session", "An import points down the house"),
        ("clock.py", "import realtime.errors", "An import points down the house"),
        ("intake/decode.py", "import realtime.api.problems", "An import points down the house"),
        ("api/app.py", "import realtime.transports.socketio.sids", "An import points down the house"),
        ("routing/routes.py", "import asyncio", "The contracts and the routing are pure"),
        ("events/fact.py", "import structlog", "The contracts and the routing are pure"),
        ("gateway/gateway.py", "import socketio", "python-socketio stands behind one door"),
        ("broker/redis.py", "import engineio.packet", "python-socketio stands behind one door"),
        ("delivery/publisher.py", "from aiokafka import AIOKafkaProducer", "aiokafka stands behind one door"),
        ("gateway/gateway.py", "import sentry_sdk", "OpenTelemetry and Sentry stand behind one door each"),
        (
            "intake/pipeline.py",
            "from opentelemetry import trace",
            "OpenTelemetry and Sentry stand behind one door each",
        ),
        (
            "telemetry/tracing.py",
            "from opentelemetry import trace",
            "OpenTelemetry and Sentry stand behind one door each",
        ),
        (
            "gateway/tokens.py",
            "from realtime.settings.environment import load_settings",
            "Only the composition root sees all settings",
        ),
    ],
)
def test_an_import_that_points_elsewhere_is_caught(house: Path, module: str, statement: str, contract: str) -> None:
    path = house / "realtime" / module
    path.write_text(f"{path.read_text()}\n{statement}\n")
    checked = lint_imports(house)
    assert checked.returncode == 1
    assert f"{contract} BROKEN" in checked.stdout


def test_a_package_that_has_no_place_in_the_house_is_caught(house: Path) -> None:
    (house / "realtime" / "utils").mkdir()
    (house / "realtime" / "utils" / "__init__.py").touch()
    checked = lint_imports(house)
    assert checked.returncode == 1
    assert "utils" in checked.stdout + checked.stderr
