"""Whether this machine can hold what the settings let in; pure."""

from typing import Final

from realtime.doctor.finding import MACHINE, Finding
from realtime.doctor.machine_facts import Machine
from realtime.server import BACKLOG, STRANGERS
from realtime.settings import SocketSettings

OLDEST: Final = (3, 11)
# Connections to Redis and Kafka, files, the loop's own; a pod at rest has some sixty.
OTHER_DESCRIPTORS: Final = 200
# Measured, see docs/doctor.md: a pod at rest, and what each websocket with an identity and its rooms adds to it.
POD_BYTES: Final = 104 * 1_048_576
SESSION_BYTES: Final = 8_300
ROOM_LEFT: Final = 0.8
# A fifth of a second cannot tell more than that it was so for this moment.
LATE_MS: Final = 20.0


def judge_machine(machine: Machine, sessions: int, sockets: SocketSettings) -> list[Finding]:
    """Everything; `sessions` are as many as the pod may hold, none where it has no sockets."""
    return [
        _judge_python(machine),
        _judge_packages(machine),
        _judge_loop(machine),
        _judge_descriptors(machine, sessions),
        *_judge_backlog(machine),
        *_judge_memory(machine, sessions, sockets),
    ]


def _judge_python(machine: Machine) -> Finding:
    told = ".".join(map(str, machine.python))
    if machine.python < OLDEST:
        return MACHINE.fail("Python", f"{told} is too old", "run the pod with Python 3.11 or newer")
    return MACHINE.ok("Python", told)


def _judge_packages(machine: Machine) -> Finding:
    missing = [name for name, version in machine.packages.items() if version is None]
    if missing:
        told = f"not installed: {', '.join(missing)}"
        return MACHINE.warn("quick parts", told, f"pip install {' '.join(missing)}")
    return MACHINE.ok("quick parts", ", ".join(f"{name} {version}" for name, version in machine.packages.items()))


def _judge_loop(machine: Machine) -> Finding:
    told = f"{machine.loop}, at most {machine.loop_late_ms:.1f} ms late on {machine.cores} cores"
    mend = "give the pod more of a core: in Kubernetes a higher CPU request, and no CPU limit"
    if machine.loop_late_ms > LATE_MS:
        return MACHINE.warn("event loop", told, mend)
    return MACHINE.ok("event loop", told)


def _judge_descriptors(machine: Machine, sessions: int) -> Finding:
    # Without sockets only neighbours ask, on a few connections.
    others = (STRANGERS if sessions else 0) + OTHER_DESCRIPTORS
    needed = sessions + others
    if machine.descriptors is None or machine.descriptors >= needed:
        return MACHINE.ok("descriptors", f"{machine.descriptors or 'no limit'}; {needed:,} are needed at most")
    room = max(0, machine.descriptors - others)
    why = f"{sessions:,} sessions need {needed:,}" if sessions else f"{needed:,} are needed"
    told = f"{machine.descriptors:,}, and {why}: beyond them accept() fails"
    mend = f"ulimit -n {needed} (LimitNOFILE= in systemd)"
    if sessions:
        mend += f", or REALTIME_LIMITS__SESSIONS_PER_POD={room}"
    return MACHINE.fail("descriptors", told, mend)


def _judge_backlog(machine: Machine) -> list[Finding]:
    if machine.backlog is None:
        return []
    if machine.backlog < BACKLOG:
        told = f"{machine.backlog:,}: when thousands come at once, the kernel drops what is above"
        mend = f"sysctl -w net.core.somaxconn={BACKLOG} (in Kubernetes: securityContext.sysctls)"
        return [MACHINE.warn("somaxconn", told, mend)]
    return [MACHINE.ok("somaxconn", f"{machine.backlog:,}")]


def _judge_memory(machine: Machine, sessions: int, sockets: SocketSettings) -> list[Finding]:
    if machine.memory_bytes is None:
        return []
    needed = POD_BYTES + sessions * SESSION_BYTES
    has = machine.memory_bytes
    told = f"{_mib(needed)} for {sessions:,} sessions, of {_mib(has)}"
    mend = f"give the pod {_mib(int(needed / ROOM_LEFT))}"
    if sessions:
        room = max(1, int((has * ROOM_LEFT - POD_BYTES) / SESSION_BYTES))
        mend += f", or REALTIME_LIMITS__SESSIONS_PER_POD={room}"
    if needed > has:
        return [MACHINE.fail("memory", told, mend)]
    if needed > has * ROOM_LEFT:
        return [MACHINE.warn("memory", told, mend)]
    if not sessions:
        return [MACHINE.ok("memory", told)]
    slow = int((has - needed) / sockets.waiting_max_bytes)
    return [MACHINE.ok("memory", f"{told}; the rest is what {slow:,} clients at once may keep waiting")]


def _mib(count: int) -> str:
    return f"{count / 1_048_576:,.0f} MiB"
