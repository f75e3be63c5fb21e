"""Lists of participants: engagement types, totals that cover everybody, and a cap of the list. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from sequel_assets.doctor.judging.findings import Finding, Verdict, count, unseen
from sequel_assets.refresh.core.api_profile import Fact

ENGAGEMENT, TOTALS, CAP = "engagement types", "totals", "list cap"


@dataclass(frozen=True)
class ListAnswer:
    """What a list of participants said: two totals, and how many rows it had for which limit."""

    users: int
    minutes: int
    rows: int
    limit: int


def judge_engagement(event_id: str, engaged: int, live: int, on_demand: int) -> Finding:
    """Return whether `engagementType` separates live minutes from those on demand."""
    found = f"{event_id}: {live:,} live, {on_demand:,} on demand, {engaged:,} in all"
    if engaged and live == on_demand == engaged:
        means = "live and on demand cannot be separated; a refresh stores no minutes, and says so"
        learned = {Fact.ENGAGEMENT_TYPE: "ignored"}
        return Finding(ENGAGEMENT, Verdict.DIFFERENT, found, means, "ask Sequel", learned, is_blocking=True)
    if max(live, on_demand) <= engaged <= live + on_demand:
        means = "live, on demand and all of them are separate numbers"
        return Finding(ENGAGEMENT, Verdict.AS_DOCUMENTED, found, means, learned={Fact.ENGAGEMENT_TYPE: None})
    means = "the types contradict each other; a refresh fails such days by name"
    return Finding(ENGAGEMENT, Verdict.DIFFERENT, found, means, "run it once more after the next full hour")


def judge_lists(event_id: str, first: ListAnswer, everybody: ListAnswer, again: ListAnswer | None) -> list[Finding]:
    """Return whether totals cover everybody whatever the limit, and whether a list has a cap.

    `again` is a list with another limit above the number of rows that came: a cap does not depend on the limit.
    """
    answers = [first, everybody] + ([again] if again else [])
    totals = _judge_totals(event_id, answers)
    if totals.is_blocking:
        return [totals, unseen(CAP, "nothing says how many people there are", "whether lists have a cap is not known")]
    return [totals, _judge_cap(event_id, everybody, again)]


def _judge_totals(event_id: str, answers: Sequence[ListAnswer]) -> Finding:
    if len({(one.users, one.minutes) for one in answers}) == 1:
        found = f"{event_id}: {count(answers[0].users, 'user')} and {answers[0].minutes:,} minutes with every limit"
        means = "totals cover everybody, so each list is verified against them"
        return Finding(TOTALS, Verdict.AS_DOCUMENTED, found, means, learned={Fact.TOTALS: None})
    found = f"{event_id}: " + ", ".join(f"{one.users:,} users with limit={one.limit}" for one in answers)
    if all(one.users == one.rows for one in answers):
        means = (
            "totals cover the listed people alone, so nothing verifies that a list is complete; a refresh stores none"
        )
        learned = {Fact.TOTALS: "of the listed"}
        return Finding(TOTALS, Verdict.DIFFERENT, found, means, "ask Sequel", learned, is_blocking=True)
    return unseen(TOTALS, f"{found}: they moved meanwhile", "nothing", "run it once more after the next full hour")


def _judge_cap(event_id: str, everybody: ListAnswer, again: ListAnswer | None) -> Finding:
    if everybody.rows >= everybody.users:
        found = f"all {count(everybody.users, 'user')} of {event_id} are listed; larger lists were not looked at"
        means = "people are known with their minutes; a larger event may show a cap: then doctor --event ID"
        return Finding(CAP, Verdict.AS_DOCUMENTED, found, means, learned={Fact.LIST_CAP: None})
    found = f"{event_id}: {everybody.rows:,} of {everybody.users:,} users are listed with limit={everybody.limit}"
    if again is None or again.rows != everybody.rows:
        return unseen(CAP, f"{found}; how many with another limit is not clear", "a refresh fails such days by name")
    means = (
        f"lists end after {count(everybody.rows, 'row')}: of larger days the activity is taken where it comes to the totals, "
        "else the minutes are right, the people beyond the list are a number, and unique users a lower bound"
    )
    return Finding(CAP, Verdict.DIFFERENT, found, means, learned={Fact.LIST_CAP: str(everybody.rows)})
