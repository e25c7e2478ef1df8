"""The command line: the tests of tests/deploy, then the programs that operators use, where they are here."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy_check import real_helm, real_kustomize

REPOSITORY: Final = Path(__file__).parents[2]

# What no run of this checks, and what does.
ELSEWHERE: Final = (
    "kubeconform: it would read the schemas of Kubernetes that each set of values is held to above",
    "custom resources (KEDA, Prometheus' operator, Gateway API) by their owners' schemas: make cluster-test",
    "whether pods come up, install, upgrade and serve: make cluster-test, make image-test",
    "whether sessions stick behind real proxies: make sticky",
)


def main(arguments: list[str]) -> int:
    """Return 0 when nothing is wrong."""
    print("tests/deploy: a minute or so", flush=True)
    tests = ["-q", "--color=auto", "tests/deploy", "--ignore", "tests/deploy/test_compose_parts.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *tests, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "DEPLOY_REPORT": "1"},
        check=False,
    )
    wrong = ["tests/deploy"] if done.returncode else []
    unchecked = []
    for what, absent, checks in (
        ("helm", real_helm.absent(), real_helm.CHECKS),
        ("kubectl", real_kustomize.absent(), real_kustomize.CHECKS),
    ):
        if absent:
            unchecked.append(f"{', '.join(checks)}: {absent}")
            continue
        print(f"\nthe real {what}", flush=True)
        wrong += [name for name, check in checks.items() if not _told(name, check)]
    print("\nnot checked here")
    for line in [*unchecked, *ELSEWHERE]:
        print(f"  {line}")
    print(f"\nWRONG: {', '.join(wrong)}" if wrong else "\nNothing is wrong.")
    return 1 if wrong else 0


def _told(name: str, check: Callable[[], tuple[str, list[str]]]) -> bool:
    """Whether all is well, which is printed, too."""
    print(f"  {name:24}", end="", flush=True)
    began = time.monotonic()
    about, problems = check()
    print(f"{'WRONG' if problems else 'ok':6} {about}, {time.monotonic() - began:.1f} s", flush=True)
    for problem in problems:
        print("\n".join(f"      {line}" for line in problem.splitlines()))
    return not problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
