"""Where things are in the repository."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy/helm/realtime"
PLAIN: Final = ROOT / "deploy/k8s"
