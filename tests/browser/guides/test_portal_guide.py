"""The portal guide, step by step, as a new customer goes: from the first login to the API."""

from tests.browser.guides.steps import gathered

globals().update(gathered("portal"))
