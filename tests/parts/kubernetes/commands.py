"""Programs that do one thing and end."""

import asyncio
import os
from collections.abc import Mapping


class Refused(Exception):
    """A program that ended with an error; `str` is what it wrote."""


async def run(
    *command: str, stdin: str | None = None, environment: Mapping[str, str] | None = None, timeout_seconds: float = 100
) -> str:
    """Return what it wrote to its standard output. Raises `Refused` with all that it wrote when it ends with an error."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            out, errors = await process.communicate(None if stdin is None else stdin.encode())
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        raise Refused(f"{' '.join(command[:6])} ...: {errors.decode(errors='replace')}{out.decode(errors='replace')}")
    return out.decode()
