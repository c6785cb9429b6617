"""How hypothesis runs here: no time limit for an example, as machines differ."""

from hypothesis import settings

settings.register_profile("popflix", deadline=None)
settings.load_profile("popflix")
