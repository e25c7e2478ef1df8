"""`make image`: builds the image of this checkout with docker or podman. Needs nothing but Python and one of them.

pip inside the build is given this machine's pip configuration (a mirror, a proxy's certificates) as a mounted secret:
nothing of it is in the image.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("docker", "podman")
# Where the Dockerfile mounts the certificates.
CERTIFICATES = "/run/secrets/pip-ca"
# What pip needs to know to reach its index; the rest of a configuration is about the machine that it was written for.
OF_THE_INDEX = {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries"}


def main() -> None:
    """Build it, and say what it is called."""
    engine = _engine(os.environ.get("ENGINE", ""))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    image = os.environ.get("IMAGE") or f"realtime:{version}"
    with tempfile.TemporaryDirectory() as directory:
        command = [
            engine,
            "build",
            "--tag",
            image,
            *_options(engine, version),
            *_secrets(Path(directory)),
            *sys.argv[1:],
        ]
        code = subprocess.run([*command, str(ROOT)], env=os.environ | {"DOCKER_BUILDKIT": "1"}, check=False).returncode
    if code:
        raise SystemExit(code)
    size = subprocess.run(
        [engine, "image", "inspect", "--format", "{{.Size}}", image], capture_output=True, text=True, check=True
    ).stdout
    print(f"Built {image}, {int(size) / 1e6:.0f} MB")


def _engine(wanted: str) -> str:
    """Find one that works; docker's client alone, without its daemon, does not."""
    problems = []
    for engine in [wanted] if wanted else ENGINES:
        if shutil.which(engine) is None:
            problems.append(f"{engine}: not installed")
            continue
        asked = subprocess.run([engine, "info"], capture_output=True, text=True, check=False)
        # docker's client exits with 0 even so, and tells of the daemon last.
        if asked.returncode == 0 and "Cannot connect" not in asked.stdout + asked.stderr:
            return engine
        said = (asked.stderr or asked.stdout).strip().splitlines() or ["no answer"]
        problems.append(f"{engine}: {said[-1]}")
    raise SystemExit("\n  ".join(["An image is built by docker or podman, and neither works here:", *problems]))


def _options(engine: str, version: str) -> Iterator[str]:
    if base := os.environ.get("BASE"):
        yield from ("--build-arg", f"BASE={base}")
    if platform := os.environ.get("PLATFORM"):
        yield from ("--platform", platform)
    changed = "-changed" if _git("status", "--porcelain", "--untracked-files=no") else ""
    told = {"VERSION": version, "REVISION": _git("rev-parse", "HEAD") + changed, "SOURCE": _source()}
    for name, value in told.items():
        yield from ("--build-arg", f"{name}={value}")
    # The commit's time for every file, so that the same commit makes the same image.
    is_podman = Path(engine).name == "podman"
    if committed := _git("log", "-1", "--format=%ct"):
        yield from (("--timestamp", committed) if is_podman else ("--build-arg", f"SOURCE_DATE_EPOCH={committed}"))
    if is_podman:
        # OCI's format has no HEALTHCHECK.
        yield from ("--format", "docker")


def _source() -> str:
    """Return where this is published: SOURCE, else git's origin where that is a public address."""
    found = re.fullmatch(r"https://(?:[^@/]*@)?([^@]+?)(?:\.git)?/?", _git("remote", "get-url", "origin"))
    return os.environ.get("SOURCE") or (f"https://{found[1]}" if found else "")


def _git(*arguments: str) -> str:
    """Return what git says; nothing, where this is no checkout."""
    try:
        said = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def _secrets(directory: Path) -> Iterator[str]:
    """Write down what pip is told on this machine, by its files or by PIP_*, and mount it for the build alone."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    # `global.index-url='https://...'`; of the environment, which goes over files: `:env:.index-url='...'`.
    found = re.findall(r"^(global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE)
    told = {name: value for section in ("global", "install", ":env:") for of, name, value in found if of == section}
    configuration = {name: value for name, value in told.items() if name in OF_THE_INDEX}
    certificates = Path(told.get("cert") or os.environ.get("SSL_CERT_FILE", ""))
    if certificates.is_file():
        configuration["cert"] = CERTIFICATES
        yield from ("--secret", f"id=pip-ca,src={certificates}")
    if configuration:
        lines = [f"{name} = {' '.join(value.split())}" for name, value in configuration.items()]
        (directory / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
        yield from ("--secret", f"id=pip,src={directory / 'pip.conf'}")


if __name__ == "__main__":
    main()
