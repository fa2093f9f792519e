"""What all tests share: one thread, and the settings of hypothesis, which makes up inputs."""

import os
import sys

from hypothesis import settings

# Threads that wait for each other take minutes on a busy machine; to test with two, set it to 2.
# Where a plugin has imported numpy already, it is too late for this process, and those that tests
# start must round as this one does.
if "numpy" not in sys.modules:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# The same inputs at every run, so that a green run stays green; no limit to an example's time,
# since a busy machine is no defect. For many other inputs: --hypothesis-profile=campaign.
settings.register_profile("ordinary", deadline=None, derandomize=True, database=None)
settings.register_profile("campaign", deadline=None, database=None, max_examples=2000)
settings.load_profile("ordinary")
