"""The forms of `redis.url`, and what is wrong with one that is of none."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit


class Topology(StrEnum):
    """Where the primary is found: at the URL's host, by asking sentinels, or by asking the nodes of a cluster."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_SCHEMES: Final = {
    "redis": (Topology.SINGLE, False),
    "rediss": (Topology.SINGLE, True),
    "unix": (Topology.SINGLE, False),
    "redis+sentinel": (Topology.SENTINEL, False),
    "rediss+sentinel": (Topology.SENTINEL, True),
    "redis+cluster": (Topology.CLUSTER, False),
    "rediss+cluster": (Topology.CLUSTER, True),
}
_DEFAULT_PORTS: Final = {Topology.SINGLE: 6379, Topology.SENTINEL: 26379, Topology.CLUSTER: 6379}


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A Redis URL, understood.

    `plain` is the URL of one server in the form that redis-py reads, user, password and database in it: the first of
    the `hosts`, which are that server itself, sentinels, or some nodes of a cluster. `service` is the name by which the
    sentinels know the primary.
    """

    topology: Topology
    has_tls: bool
    plain: str
    hosts: tuple[tuple[str, int], ...]
    service: str = ""

    @classmethod
    def parse(cls, text: str) -> "RedisUrl":
        """Understand a URL. Raises `ValueError`, whose words do not contain the URL: it may hold a password."""
        scheme = text.partition("://")[0].lower()
        if scheme not in _SCHEMES or "://" not in text:
            raise ValueError(f"the URL must begin with one of {', '.join(f'{known}://' for known in _SCHEMES)}")
        topology, has_tls = _SCHEMES[scheme]
        try:
            url = urlsplit(text)
        except ValueError:
            raise ValueError("the URL's host or port is not one") from None
        if url.fragment or any(character.isspace() for character in text):
            raise ValueError("the URL has a # or white space in it; in a user or password, write it as %23 or %20")
        if scheme == "unix":
            return cls(topology, has_tls, _unix(url), ())
        user, has_user, addresses = url.netloc.rpartition("@")
        hosts = tuple(_host(address, _DEFAULT_PORTS[topology]) for address in addresses.split(","))
        if topology is Topology.SINGLE and len(hosts) > 1:
            raise ValueError("the URL names several hosts: begin it with redis+sentinel:// or redis+cluster://")
        service, database = "", url.path.removeprefix("/")
        if topology is Topology.SENTINEL:
            service, _, database = database.partition("/")
            if not service:
                raise ValueError(
                    "the URL must end with the name by which the sentinels know the primary, "
                    "as in redis+sentinel://host-1:26379,host-2:26379,host-3:26379/mymaster"
                )
        database = _database(database, url.query)
        if topology is Topology.CLUSTER and database != "0":
            raise ValueError("a Redis Cluster has only database 0")
        host, port = hosts[0]
        plain = f"{'rediss' if has_tls else 'redis'}://{user}{has_user}{f'[{host}]' if ':' in host else host}:{port}"
        return cls(topology, has_tls, f"{plain}/{database}", hosts, service)


def _unix(url: SplitResult) -> str:
    if url.netloc.rpartition("@")[2] or len(url.path) < 2:
        raise ValueError("the URL must name a socket's whole path, as in unix:///run/redis/redis.sock")
    return f"unix://{url.netloc}{url.path}?db={_database('', url.query)}"


def _host(address: str, default_port: int) -> tuple[str, int]:
    """Read `host`, `host:port` or `[IPv6]:port`."""
    if not address:
        raise ValueError("the URL names no host, or has a comma too many")
    try:
        one = urlsplit(f"//{address}")
        host, port = one.hostname, one.port
    except ValueError:
        host, port = None, None
    # What urlsplit would take for a host's name although none looks like that.
    if not host or port == 0 or one.path or "%" in host or (":" in host) != address.startswith("["):
        raise ValueError(
            "the URL's host or port is not one (in a user or password, write / as %2F, ? as %3F, # as %23, @ as %40)"
        )
    return host, default_port if port is None else port


def _database(in_path: str, query: str) -> str:
    """Read the database from the path, or from `?db=`."""
    found = {"db": in_path or "0"}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name != "db":
            raise ValueError(
                "behind its ? the URL may say but db=NUMBER; for the rest there are settings: "
                "command_timeout_seconds, connect_timeout_seconds, ssl_ca_file and others"
            )
        found["db"] = value
    if not (found["db"].isascii() and found["db"].isdigit()):
        raise ValueError("the URL's database is not a number, as in redis://127.0.0.1:6379/0")
    return str(int(found["db"]))
