"""The admin guide, step by step: clicked and typed as it says, each label and outcome literal."""

from tests.browser.guides.steps import gathered

globals().update(gathered("admin"))
