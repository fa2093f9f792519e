"""What all tests share: settings of hypothesis, which makes up inputs for the property tests."""

from hypothesis import settings

# The same inputs at every run, so that a green run stays green; no limit to an example's time,
# since a busy machine is no defect. For many other inputs: --hypothesis-profile=campaign.
settings.register_profile("ordinary", deadline=None, derandomize=True, database=None)
settings.register_profile("campaign", deadline=None, database=None, max_examples=2000)
settings.load_profile("ordinary")
