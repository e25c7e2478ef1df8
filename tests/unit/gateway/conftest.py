"""What the gateway's tests stand in."""

import pytest

from unit.gateway.gatehouse import Gatehouse


@pytest.fixture
def house() -> Gatehouse:
    return Gatehouse()
