"""Images made from files of this machine, as archives that containerd imports: no registry is asked."""

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_EXECUTABLE = 0o755


def archive(
    at: Path, name: str, files: Mapping[str, Path | bytes], config: Mapping[str, Any], directories: Iterable[str] = ()
) -> Path:
    """Write an image of one layer: where each file goes (a directory with all in it), and how it is started.

    `config` is the image's own: Entrypoint, Cmd, User, Env. `directories` are those that everybody may write to.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for directory in directories:
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        for target, source in files.items():
            if isinstance(source, bytes):
                entry = tarfile.TarInfo(target)
                entry.size, entry.mode = len(source), _EXECUTABLE
                tar.addfile(entry, io.BytesIO(source))
            else:
                tar.add(source.resolve(), target, filter=_everybodys)
    content = layer.getvalue()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    told = {
        "architecture": "amd64",
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [digest]},
        "history": [{"created_by": "realtime's tests"}],
    }
    settings = json.dumps(told).encode()
    named = f"{hashlib.sha256(settings).hexdigest()}.json"
    manifest = [{"Config": named, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(at, "w") as tar:
        for file, data in (("layer.tar", content), (named, settings), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(file)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return at


def program(path: Path, at: str | None = None) -> dict[str, Path | bytes]:
    """Return where a program goes, and all libraries that it loads."""
    told = subprocess.run(["ldd", str(path)], stdout=subprocess.PIPE, text=True, check=False).stdout
    libraries = {Path(os.path.normpath(found)) for found in re.findall(r"(/\S+) \(0x", told)}
    # Where the linker looks for them, whatever links lead there on this machine.
    return {(at or str(path)).lstrip("/"): path, **{str(library).lstrip("/"): library for library in libraries}}


def _everybodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode |= 0o555 if entry.isdir() or entry.mode & 0o100 else 0o444
    return entry
