"""A machine for nodes, inside this one: a network, processes and mounts of its own, by the kernel's namespaces.

Whatever is done in there (bridges, rules of iptables, mounts, containers) ends with the first process in it, however the
test ends. Two ends of a cable join its network and the host's: the control plane is on the host's end.
"""

import contextlib
from pathlib import Path

from parts.child import Child
from parts.kubernetes.commands import Refused, run
from parts.kubernetes.control_plane import PODS, SERVICES
from parts.waiting import eventually

HOST = "10.203.0.1"
MACHINE = "10.203.0.2"
_CABLE = "realtime-test"  # its end on the host

# Becomes the first process, which every orphan is handed to: `wait` buries them.
_INIT = "sleep infinity & wait"


class Holder(Child):
    """The first process of some namespaces."""

    def __init__(self, name: str, directory: Path, *unshare: str, within: tuple[str, ...] = (), init: str) -> None:
        self._inside = directory / "inside"
        super().__init__(
            name,
            [
                *within,
                "unshare",
                *unshare,
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                f"{init}\ntouch {self._inside}\n{_INIT}",
            ],
            directory,
        )

    async def is_ready(self) -> bool:
        return self._inside.exists()

    async def start(self) -> None:
        self._inside.unlink(missing_ok=True)
        await super().start()

    @property
    def first(self) -> int:
        """The first process inside, as it is called outside."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])


class Machine(Holder):
    """A network of its own, on a cable to the host's."""

    def __init__(self, directory: Path) -> None:
        init = "ip link set lo up\nsysctl --quiet --write net.ipv4.ip_forward=1"
        super().__init__("machine", directory, "--net", "--pid", init=init)

    @property
    def network(self) -> tuple[str, ...]:
        """The command that starts another in this network."""
        return ("nsenter", f"--net=/proc/{self.first}/ns/net")

    async def start(self) -> None:
        with contextlib.suppress(Refused):
            await run("ip", "link", "show", _CABLE)
            raise AssertionError(f"another cluster of tests runs here: {_CABLE} is in use")
        await super().start()
        ip = ("ip", "link", "add", _CABLE, "type", "veth", "peer", "name", "eth0", "netns", str(self.first))
        await run(*ip)
        await run("ip", "address", "add", f"{HOST}/30", "dev", _CABLE)
        await run("ip", "link", "set", _CABLE, "up")
        await run(*self.network, "ip", "address", "add", f"{MACHINE}/30", "dev", "eth0")
        await run(*self.network, "ip", "link", "set", "eth0", "up")
        await run(*self.network, "ip", "route", "add", "default", "via", HOST)
        # What runs in the cluster is reached from here as from any other machine of its network.
        for addresses in (PODS, SERVICES):
            await run("ip", "route", "add", addresses, "via", MACHINE)

    async def kill(self) -> None:
        await super().kill()

        async def unplugged() -> bool:
            try:
                await run("ip", "link", "show", _CABLE)
            except Refused:
                return True
            return False

        await eventually(unplugged, 20, "the machine's network is gone")
