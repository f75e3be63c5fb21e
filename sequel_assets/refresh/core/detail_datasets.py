"""The landed datasets beside the minutes: what belongs to an event as a whole, and what a company has without a day."""

from sequel_assets.insights.event_days import REPLAY_DAYS
from sequel_assets.warehouse.tables import company_lists, event_details
from sequel_assets.warehouse.tables.dataset import Dataset

REFRESHED = (
    "every hour for the events that start today or are under way, once more at the day's close, when it turns final, "
    f"and {REPLAY_DAYS} days later, when the replay window closes"
)
NAMED = "GET /events/{eventId}/polls (only named, its shape is a proposal): where it is not there the dataset is unavailable"

EVENT_ACTIVITY = Dataset(
    table=event_details.event_activity,
    answers="Who registered for an event, came, watched, commented, asked and answered, and how does Sequel score them?",
    grain="one row per company, day on which the event starts, stage event and person who registered or came",
    source="POST /events/{eventId}/user-activity (observed), every page, proven by its totalCount",
    refreshed=f"{REFRESHED}; what is watched later stands in event_participants",
    example="SELECT event_id, count(registered_at) AS registered, sum(CASE WHEN attended THEN 1 ELSE 0 END) AS attended "
    "FROM event_activity GROUP BY event_id",
)
POLLS = Dataset(
    table=event_details.polls,
    answers="Which polls did an event have?",
    grain="one row per company, day on which the event starts, stage event and poll",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT event_id, count(*) AS polls FROM polls GROUP BY event_id",
)
POLL_OPTIONS = Dataset(
    table=event_details.poll_options,
    answers="What could be chosen in a poll?",
    grain="one row per company, day on which the event starts, stage event, poll and option",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT poll_id, text FROM poll_options ORDER BY company_id, event_id, poll_id, position",
)
POLL_ANSWERS = Dataset(
    table=event_details.poll_answers,
    answers="Who chose what in a poll, and when?",
    grain="one row per company, day on which the event starts, stage event, poll and answer",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT poll_id, option_id, count(*) AS answers FROM poll_answers WHERE is_listed_option GROUP BY poll_id, option_id",
)
QUESTIONS = Dataset(
    table=event_details.questions,
    answers="What did the audience ask, what was answered, how many others wanted to know?",
    grain="one row per company, day on which the event starts, stage event and question",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT event_id, count(*) AS asked, count(answer) AS answered FROM questions GROUP BY event_id",
)
CHAT_MESSAGES = Dataset(
    table=event_details.chat_messages,
    answers="What was written in the chat of an event, in order?",
    grain="one row per company, day on which the event starts, stage event and message",
    source=NAMED,
    refreshed=REFRESHED,
    example="SELECT position, sent_at, person_id FROM chat_messages ORDER BY company_id, event_id, position",
)
REACTIONS = Dataset(
    table=event_details.reactions,
    answers="Which emoji were sent in which minute of an event, and how often?",
    grain="one row per company, day on which the event starts, stage event, emoji and minute",
    source=NAMED,
    refreshed=REFRESHED,
    example='SELECT emoji, sum("count") AS sent FROM reactions GROUP BY emoji',
)
REPLAYS = Dataset(
    table=event_details.replays,
    answers="Which recordings does an event have, and can they be watched and downloaded?",
    grain="one row per company, day on which the event starts, stage event and recording",
    source="GET /event/{eventId}/availableReplays (documented); the addresses themselves are not kept",
    refreshed=REFRESHED,
    example="SELECT download_status, count(*) AS recordings FROM replays GROUP BY download_status",
)
EVENT_DETAILS: tuple[Dataset, ...] = (
    EVENT_ACTIVITY, POLLS, POLL_OPTIONS, POLL_ANSWERS, QUESTIONS, CHAT_MESSAGES, REACTIONS, REPLAYS,
)  # fmt: skip

REGISTRANTS = Dataset(
    table=company_lists.registrants,
    answers="Who registered for an event, whether or not they came?",
    grain="one row per company, stage event and person who registered",
    source="GET /event/{eventId}/registrants (documented); links to join are not kept",
    refreshed="every hour for the events that start today or are under way; once a day for those that are upcoming or ended within 30 days; with a backfill for those that start on its days",
    example="SELECT event_id, count(*) AS registered FROM registrants GROUP BY event_id",
)
HUB_PARTICIPANTS = Dataset(
    table=company_lists.hub_participants,
    answers="Whom does Sequel list in a networking hub?",
    grain="one row per company, hub and person",
    source="GET /networking/{id}/participantsList (documented)",
    refreshed="as registrants, with the events that link the hub",
    example="SELECT event_id, count(*) AS people FROM hub_participants GROUP BY event_id",
)
HUB_ROOMS = Dataset(
    table=company_lists.hub_rooms,
    answers="Which rooms does a networking hub have, and for how many people each? With networking: how full was it?",
    grain="one row per company, hub and room; a hub without rooms has none",
    source="GET /networking/{id} (documented)",
    refreshed="as hub_participants: each hub that is asked for its people is asked for its rooms too",
    example="SELECT n.day, n.event_id, n.people, r.rooms, r.slots, 1.0 * n.people / nullif(r.slots, 0) AS people_per_slot FROM networking n "
    "JOIN (SELECT company_id, event_id, count(*) AS rooms, CASE WHEN count(max_slots) = count(*) THEN sum(max_slots) END AS slots "
    "FROM hub_rooms GROUP BY company_id, event_id) r ON r.company_id = n.company_id AND r.event_id = n.event_id "
    "ORDER BY n.company_id, n.event_id, n.day",
)
COMPANY_PARENTS = Dataset(
    table=company_lists.company_parents,
    answers="Beneath which company did a company stand on which day?",
    grain="one row per company and day on which it came to stand there",
    source="GET /company/{companyId}/list (documented), as each hour's walk of the tree finds it",
    refreshed="every hour, with companies",
    example="SELECT company_id, from_day, parent_company_id FROM company_parents ORDER BY company_id, from_day",
)
LISTS: tuple[Dataset, ...] = (REGISTRANTS, HUB_PARTICIPANTS, HUB_ROOMS)
"""Whom and what Sequel lists of an event or hub: each refresh of slices asks for what is due of them."""
WITHOUT_DAY: tuple[Dataset, ...] = (*LISTS, COMPANY_PARENTS)
