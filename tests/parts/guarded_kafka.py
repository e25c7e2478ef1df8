"""An Apache Kafka that asks who one is, and allows nothing that nobody has granted."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from parts.apache_kafka import ApacheKafka
from parts.strimzi import Right

# Kafka's numbers: org.apache.kafka.common.resource.ResourceType, org.apache.kafka.common.acl.AclOperation.
KINDS: Final = {"topic": 2, "group": 3, "transactionalId": 5}
OPERATIONS: Final = {"Read": 3, "Write": 4}
LITERAL, ALLOW = 3, 3
PASSWORD: Final = "pass"


class GuardedKafka(ApacheKafka):
    """Tests may do everything at `bootstrap_servers`; `users` log in at `guarded_servers`, by SASL/PLAIN."""

    def __init__(self, directory: Path, users: Iterable[str]) -> None:
        super().__init__(directory)
        self.guarded_servers = f"127.0.0.1:{self.behind_port}"
        known = " ".join(f'user_{user}="{PASSWORD}"' for user in users)
        module = f"org.apache.kafka.common.security.plain.PlainLoginModule required {known};"
        self._more = (
            "listener.security.protocol.map=BROKER:PLAINTEXT,BEHIND:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            f"advertised.listeners=BROKER://{self.bootstrap_servers},BEHIND://{self.guarded_servers}",
            "listener.name.behind.sasl.enabled.mechanisms=PLAIN",
            f"listener.name.behind.plain.sasl.jaas.config={module}",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS",
        )

    def settings_of(self, user: str) -> dict[str, str]:
        """How a pod logs in."""
        return {
            "REALTIME_KAFKA__BOOTSTRAP_SERVERS": self.guarded_servers,
            "REALTIME_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "REALTIME_KAFKA__SASL_MECHANISM": "PLAIN",
            "REALTIME_KAFKA__SASL_USERNAME": user,
            "REALTIME_KAFKA__SASL_PASSWORD": PASSWORD,
        }

    async def grant(self, user: str, rights: Iterable[Right]) -> None:
        for right in rights:
            of = (KINDS[right.kind], right.name, LITERAL, f"User:{user}", "*", OPERATIONS[right.operation], ALLOW)
            reply = await self._ask(CreateAclsRequest(*of))
            assert [code for code, _ in reply.creation_responses] == [0], right

    async def take(self, user: str, right: Right) -> None:
        of = (KINDS[right.kind], right.name, LITERAL, f"User:{user}", "*", OPERATIONS[right.operation], ALLOW)
        reply = await self._ask(DeleteAclsRequest(*of))
        ((code, _, matching),) = reply.filter_responses
        assert code == 0, right
        assert len(matching) == 1, right

    async def _ask(self, request: CreateAclsRequest | DeleteAclsRequest) -> Any:
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap_servers)
        await client.bootstrap()
        try:
            return await client.send(client.get_random_node(), request)
        finally:
            await client.close()
