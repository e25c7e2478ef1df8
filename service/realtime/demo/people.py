"""Who signs in: two who buy, and one who watches over the shop."""

from dataclasses import dataclass
from typing import Final

from realtime.demo.tokens import sign_token
from realtime.settings import AuthSettings

TOKEN_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in."""

    user_id: str
    roles: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Sees everything, and buys nothing."""
        return "admin" in self.roles

    def token(self, auth: AuthSettings) -> str:
        """Sign in: a fresh token, good for an hour."""
        return sign_token(auth, self.user_id, self.roles, TOKEN_SECONDS)


ALICE: Final = Person("alice")
BOB: Final = Person("bob")
ADMIN: Final = Person("admin", ("admin",))

BUYERS: Final = (ALICE, BOB)
EVERYBODY: Final = (*BUYERS, ADMIN)
