"""Who may do what."""

import pytest

from realtime.errors import Forbidden
from realtime.gateway.access import require_admin, require_service, whose_orders
from realtime.gateway.tokens import Identity

NOBODY = Identity("u-42")
SERVICE = Identity("svc", frozenset({"service"}))
ADMIN = Identity("root", frozenset({"admin"}))


def test_admins_pass_everywhere() -> None:
    require_admin(ADMIN, "This")
    require_service(ADMIN)
    assert whose_orders(ADMIN, "u-42") == "u-42"


def test_services_pass_where_services_may() -> None:
    require_service(SERVICE)
    with pytest.raises(Forbidden, match="This needs the role admin"):
        require_admin(SERVICE, "This")


def test_others_pass_nowhere() -> None:
    with pytest.raises(Forbidden, match="needs the role service or admin"):
        require_service(NOBODY)
    with pytest.raises(Forbidden):
        require_admin(NOBODY, "This")


@pytest.mark.parametrize("wanted", [None, "u-42"])
def test_everybody_follows_their_own_orders(wanted: str | None) -> None:
    assert whose_orders(NOBODY, wanted) == "u-42"


@pytest.mark.parametrize("wanted", ["u-43", "U-42", ""])
def test_nobody_follows_anybody_elses(wanted: str) -> None:
    with pytest.raises(Forbidden):
        whose_orders(NOBODY, wanted)
