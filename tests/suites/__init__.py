"""One contract suite for each interface, run against memory (`unit/`) and Redis (`integration/`) alike."""

import pytest

# Before the suites are imported, so that a failed assertion in them tells what it compared.
pytest.register_assert_rewrite("suites.broker_contract", "suites.broker_model", "suites.pod_directory_contract")
