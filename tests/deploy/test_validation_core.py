"""What is refused, and in which words: each begins with the value's path and says what to do."""

from typing import Any

import pytest

from parts.helm import RenderFailed, render
from parts.helm_values import minimal

KEY = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw\n-----END PUBLIC KEY-----\n"
EGRESS = {"egress": {"enabled": True}}


def refused(values: dict[str, Any]) -> str:
    """Helm's message, without where in the templates it was."""
    with pytest.raises(RenderFailed) as raised:
        render(values)
    return str(raised.value).partition("): ")[2]


AUTH = {
    "none": (minimal(auth=None), "auth: nothing says how identities are proven", "auth.existingSecret.name"),
    "two": (
        minimal(auth={"publicKey": KEY}),
        "auth.secret, auth.publicKey are all set",
        "Keep one",
    ),
    "two, one of others": (
        minimal(auth={"existingSecret": {"name": "tokens", "key": "k"}}),
        "auth.secret, auth.existingSecret.name are all set",
        "Keep one",
    ),
    "two, one by hand": (
        minimal(gateway={"extraEnv": [{"name": "REALTIME_AUTH__SECRET", "value": "x"}]}),
        "auth.secret, gateway.extraEnv REALTIME_AUTH__SECRET are all set",
        "Keep one",
    ),
    "no key": (
        minimal(auth={"secret": "", "existingSecret": {"name": "tokens"}}),
        "auth.existingSecret.key is empty",
        'which key of the Secret "tokens"',
    ),
    "short": (minimal(auth={"secret": "short"}), "auth.secret has 5 bytes", "openssl rand"),
    "no PEM": (minimal(auth={"secret": "", "publicKey": "x"}), "auth.publicKey is not a public key", "--set-file"),
    "insecure": (
        minimal(auth={"secret": ""}, settings={"auth": {"insecureDevelopmentMode": True}}),
        "settings.auth.insecureDevelopmentMode is true",
        "auth.acceptInsecureDevelopmentMode=true",
    ),
}

KAFKA = {
    "nowhere": (
        minimal(settings=None),
        "settings.kafka.bootstrapServers is not set",
        "say where Kafka is",
    ),
    "user without SASL": (
        minimal(kafka={"sasl": {"username": "u", "password": "p"}}),
        "kafka.sasl is set, but settings.kafka.securityProtocol is PLAINTEXT",
        "SASL_SSL",
    ),
    "SASL without user": (
        minimal(settings={"kafka": {"securityProtocol": "SASL_SSL"}}),
        "kafka.sasl: settings.kafka.securityProtocol is SASL_SSL",
        "kafka.sasl.existingSecret",
    ),
    "password without user": (
        minimal(kafka={"sasl": {"password": "p"}}, settings={"kafka": {"securityProtocol": "SASL_SSL"}}),
        "kafka.sasl.username is not set",
        "usernameKey",
    ),
    "password twice": (
        minimal(
            kafka={"sasl": {"username": "u", "password": "p", "existingSecret": {"name": "user"}}},
            settings={"kafka": {"securityProtocol": "SASL_SSL"}},
        ),
        "kafka.sasl.password and kafka.sasl.existingSecret.name are both set",
        "unset kafka.sasl.password",
    ),
    "certificates for nothing": (
        minimal(kafka={"tls": {"caSecret": {"name": "ca"}}}),
        "kafka.tls is set, but settings.kafka.securityProtocol is PLAINTEXT",
        "SSL or SASL_SSL",
    ),
    "certificate without key": (
        minimal(
            kafka={"tls": {"existingSecret": {"name": "user", "certificateKey": "user.crt"}}},
            settings={"kafka": {"securityProtocol": "SSL"}},
        ),
        "kafka.tls.existingSecret: certificateKey and keyKey go together",
        "set both",
    ),
}

REDIS = {
    "nowhere": (minimal(redis=None), "redis: nothing says where Redis is", "redis.existingSecret.name"),
    "twice": (
        minimal(redis={"existingSecret": {"name": "redis"}}),
        "redis.url and redis.existingSecret.name are both set",
        "unset redis.url",
    ),
    "nowhere for some": (
        minimal(
            redis={"url": ""},
            gateway={"extraEnv": [{"name": "REALTIME_REDIS__URL", "value": "redis://x:1"}]},
            intake={"enabled": True, "extraEnv": []},
        ),
        "redis: nothing says where Redis is",
        "redis.existingSecret.name",
    ),
    "no URL": (minimal(redis={"url": "redis:6379"}), "redis.url must begin with", "rediss://"),
    "certificates for nothing": (
        minimal(redis={"tls": {"caSecret": {"name": "ca"}}}),
        "redis.tls is set, but redis.url does not begin with rediss",
        "rediss://",
    ),
    "sentinel for nothing": (
        minimal(redis={"sentinel": {"password": "p"}}),
        "redis.sentinel is set, but redis.url does not begin with redis+sentinel",
        "in its URL",
    ),
    "sentinel without password": (
        minimal(redis={"sentinel": {"username": "u"}}),
        "redis.sentinel.username is set without a password",
        "redis.sentinel.existingSecret",
    ),
    "headers twice": (
        minimal(tracing={"headers": "a=b", "existingSecret": {"name": "collector"}}),
        "tracing.headers and tracing.existingSecret.name are both set",
        "unset tracing.headers",
    ),
    "DSN twice": (
        minimal(sentry={"dsn": "https://k@s.example/1", "existingSecret": {"name": "sentry"}}),
        "sentry.dsn and sentry.existingSecret.name are both set",
        "unset sentry.dsn",
    ),
}

TWICE = {
    "by hand": (
        minimal(gateway={"extraEnv": [{"name": "REALTIME_REDIS__URL", "value": "redis://x:1"}]}),
        "gateway.extraEnv gives REALTIME_REDIS__URL, which comes from redis.url",
        "set that instead",
    ),
    "roles": (
        minimal(gateway={"extraEnv": [{"name": "REALTIME_ROLES", "value": "sockets"}]}),
        "gateway.extraEnv gives REALTIME_ROLES",
        "intake.enabled",
    ),
    "port": (
        minimal(gateway={"extraEnv": [{"name": "REALTIME_HTTP__PORT", "value": "80"}]}),
        "gateway.extraEnv gives REALTIME_HTTP__PORT",
        "settings.http.port",
    ),
    "of the same name": (
        minimal(gateway={"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
        "gateway.extraEnv gives A twice",
        "keep one",
    ),
}

PODS = {
    "grace": (
        minimal(gateway={"terminationGracePeriodSeconds": 30}),
        "gateway.terminationGracePeriodSeconds is 30, but a pod needs 85 s to leave",
        "Unset it",
    ),
    "grace of a longer drain": (
        minimal(gateway={"terminationGracePeriodSeconds": 90}, settings={"drain": {"graceSeconds": 60}}),
        "gateway.terminationGracePeriodSeconds is 90, but a pod needs 125 s to leave",
        "shorten the drain",
    ),
    "grace of intake": (
        minimal(intake={"enabled": True, "terminationGracePeriodSeconds": 84}),
        "intake.terminationGracePeriodSeconds is 84",
        "Unset it",
    ),
    "deadline": (
        minimal(gateway={"minReadySeconds": 600}),
        "gateway.progressDeadlineSeconds is 600, but a pod must be ready for 600 s",
        "Set it to 900",
    ),
    "budget of none": (
        minimal(gateway={"podDisruptionBudget": {"maxUnavailable": 0}}),
        "gateway.podDisruptionBudget.maxUnavailable is 0",
        "Set it to 1 or more",
    ),
    "budget of no part": (
        minimal(gateway={"podDisruptionBudget": {"maxUnavailable": "0%"}}),
        "gateway.podDisruptionBudget.maxUnavailable is 0%",
        "Set it to 1 or more",
    ),
    "budget of all": (
        minimal(gateway={"podDisruptionBudget": {"maxUnavailable": None, "minAvailable": 3}}),
        "gateway.podDisruptionBudget.minAvailable is 3, and there are 3 pods (gateway.replicas)",
        "use maxUnavailable",
    ),
    "budget of all, scaled": (
        minimal(
            gateway={
                "replicas": 20,
                "autoscaling": {"enabled": True, "minReplicas": 4},
                "podDisruptionBudget": {"maxUnavailable": None, "minAvailable": 4},
            }
        ),
        "gateway.podDisruptionBudget.minAvailable is 4, and there are 4 pods (gateway.autoscaling.minReplicas)",
        "use maxUnavailable",
    ),
    # Kubernetes rounds up what must stay: 99 % of 3 are 3.
    "budget of nearly all": (
        minimal(gateway={"podDisruptionBudget": {"maxUnavailable": None, "minAvailable": "99%"}}),
        "gateway.podDisruptionBudget.minAvailable is 99%, and there are 3 pods",
        "use maxUnavailable",
    ),
    "budget of the one": (
        minimal(gateway={"replicas": 1, "podDisruptionBudget": {"maxUnavailable": None, "minAvailable": 1}}),
        "gateway.podDisruptionBudget.minAvailable is 1, and there are 1 pods",
        "use maxUnavailable",
    ),
    "ours": (
        minimal(gateway={"extraPodSpec": {"volumes": []}}),
        "gateway.extraPodSpec.volumes: the chart sets this itself",
        "Use extraVolumes",
    ),
    "no budget": (
        minimal(gateway={"podDisruptionBudget": {"maxUnavailable": None}}),
        "gateway.podDisruptionBudget is enabled, but has neither",
        "set maxUnavailable to 1",
    ),
    "budget of intake": (
        minimal(intake={"enabled": True, "podDisruptionBudget": {"maxUnavailable": 0}}),
        "intake.podDisruptionBudget.maxUnavailable is 0",
        "Set it to 1 or more",
    ),
}

NETWORK = {
    "any port": (minimal(settings={"http": {"port": 0}}), "settings.http.port is 0", "choose one"),
    "port of root": (minimal(settings={"http": {"port": 80}}), "settings.http.port is 80", "service.port"),
    "own host": (minimal(settings={"http": {"host": "127.0.0.1"}}), "settings.http.host is 127.0.0.1", "Unset it"),
    "node port of none": (minimal(service={"nodePort": 30000}), "service.nodePort is set, but", "NodePort"),
    "no port of Kafka": (
        minimal(networkPolicy=EGRESS, settings={"kafka": {"bootstrapServers": "kafka"}}),
        "networkPolicy.egress.kafka.ports is empty",
        "Set it to the ports",
    ),
    "another port of Redis": (
        minimal(networkPolicy=EGRESS, redis={"url": "redis://:a:1@redis:6380/0"}),
        "networkPolicy.egress.redis.ports lacks 6380",
        "Add it",
    ),
    "sentinels' port": (
        minimal(networkPolicy=EGRESS, redis={"url": "redis+sentinel://s1,s2/main/0"}),
        "networkPolicy.egress.redis.ports lacks 26379",
        "Add it",
    ),
}

ALL = {
    f"{section}: {name}": case
    for section, cases in {
        "auth": AUTH,
        "kafka": KAFKA,
        "redis": REDIS,
        "twice": TWICE,
        "pods": PODS,
        "network": NETWORK,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize(("values", "begins", "advises"), ALL.values(), ids=ALL.keys())
def test_it_is_refused_and_what_to_do_is_said(values: dict[str, Any], begins: str, advises: str) -> None:
    message = refused(values)
    assert message.startswith(begins)
    assert advises in message


@pytest.mark.parametrize(
    "values",
    [
        minimal(auth={"secret": ""}, gateway={"extraEnvFrom": [{"secretRef": {"name": "all"}}]}),
        minimal(
            auth={"secret": "", "acceptInsecureDevelopmentMode": True},
            settings={"auth": {"insecureDevelopmentMode": True}},
        ),
        minimal(auth={"secret": ""}, settings={"auth": {"publicKeyFile": "/keys/jwt.pem"}}),
        minimal(redis={"url": ""}, gateway={"extraEnv": [{"name": "REALTIME_REDIS__URL", "value": "redis://x:1"}]}),
        minimal(gateway={"replicas": 1}),
        {"try": {"enabled": True}, "networkPolicy": EGRESS},
        minimal(gateway={"terminationGracePeriodSeconds": 85}),
        minimal(networkPolicy=EGRESS, redis={"url": "redis+sentinel://s1:6379,s2:6379/main/0"}),
        minimal(networkPolicy={"egress": {"enabled": True, "redis": {"ports": [6379, 26379]}}}),
        minimal(intake={"enabled": False, "podDisruptionBudget": {"maxUnavailable": 0}}),
    ],
)
def test_what_is_right_is_not_refused(values: dict[str, Any]) -> None:
    assert render(values)
