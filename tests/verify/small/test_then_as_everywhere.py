"""On the host that the tests before deployed holds what holds on every other. Files of tests run in the order of their names."""

from ansible_collections.foss_data.platform.tests.verify.shared.test_host import *  # noqa: F403
from ansible_collections.foss_data.platform.tests.verify.shared.test_kill import *  # noqa: F403
