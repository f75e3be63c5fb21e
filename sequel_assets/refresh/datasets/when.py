"""When the details of events are refreshed, in the words of their pages."""

from sequel_assets.insights.event_days import REPLAY_DAYS

REFRESHED = (
    "every hour for the events that start today or are under way, once more at the day's close, when it turns final, "
    f"and {REPLAY_DAYS} days later, when the replay window closes"
)
