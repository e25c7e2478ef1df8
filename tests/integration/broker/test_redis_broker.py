"""The broker over Redis keeps the broker's contract."""

from suites.broker_contract import BrokerContract


class TestRedisBroker(BrokerContract):
    pass
