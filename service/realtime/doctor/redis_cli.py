"""What is to be typed into a shell, for the very server that was looked at: nothing that would change another one."""

import shlex

from realtime.settings import RedisSettings


def redis_cli(settings: RedisSettings, address: str = "") -> str:
    """`redis-cli`, told where the server is: `host:port`, or a socket's path. It knows no user and no password."""
    words = ["redis-cli"]
    if address.startswith("/"):
        words += ["-s", address]
    elif address:
        host, _, port = address.rpartition(":")
        words += ["-h", host, "-p", port]
    if settings.address.has_tls:
        words.append("--tls")
        files = {
            "--cacert": settings.ssl_ca_file,
            "--cert": settings.ssl_certificate_file,
            "--key": settings.ssl_key_file,
        }
        words += [word for option, file in files.items() if file is not None for word in (option, str(file))]
    return shlex.join(words)


def configure(cli: str, setting: str) -> str:
    """Change the configuration, and keep it so."""
    return f"{cli} CONFIG SET {setting} && {cli} CONFIG REWRITE"


def rights(settings: RedisSettings) -> str:
    """Give a user all that pods need; in quotes, for a shell has its own view of ~, & and *."""
    prefix = settings.key_prefix
    return f"ACL SETUSER <user> +@all -@dangerous '~{prefix}:*' '&{prefix}:*' (docs/redis.md)"
