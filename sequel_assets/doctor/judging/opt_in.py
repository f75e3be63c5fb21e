"""What is looked at only on request: the rate that Sequel takes, and whether webhooks can be made. Pure."""

from sequel_assets.doctor.judging.findings import Finding, Verdict, count

RATE, WEBHOOKS = "request rate", "webhooks"
LOAD_STEPS = (4, 8, 16, 32)
"""So many requests at once, one step after the other, until one is refused."""


def judge_rate(at_once: int, *, throttled: int, retry_after: float | None, was_requested: bool) -> Finding:
    """Return whether Sequel has refused requests for their number; `at_once` went through together."""
    if throttled:
        wait = f"with Retry-After: {retry_after:g} s" if retry_after is not None else "without Retry-After"
        found = f"{count(throttled, 'answer')} 429 {wait}" + (f", {at_once} at once went through" if at_once else "")
        means = "requests are repeated after the wait; a refresh takes longer, and no number is wrong"
        to_set = f"SEQUEL_MAX_CONCURRENCY={max(1, min(at_once, 8))}"
        return Finding(RATE, Verdict.DIFFERENT, found, means, to_set)
    if not was_requested:
        means = "no limit is documented; --load looks for one with some 60 requests more"
        return Finding(RATE, Verdict.NOT_ANSWERED, "no 429 in these requests", means)
    found = f"{at_once} requests at once, no 429"
    return Finding(RATE, Verdict.AS_DOCUMENTED, found, "SEQUEL_MAX_CONCURRENCY may stay as it is")


def judge_webhooks(*, has_been_read: bool, was_deleted: bool, subscription_id: str) -> Finding:
    """Return whether a subscription could be created, read and deleted."""
    if not was_deleted:
        found = f"subscription {subscription_id} was created and not deleted"
        means = "it delivers to an address that nobody answers, and expires after two days"
        return Finding(WEBHOOKS, Verdict.DIFFERENT, found, means, "nothing, or delete it at Sequel")
    found = "a subscription was created, read and deleted" if has_been_read else "it was created and deleted, not read"
    verdict = Verdict.AS_DOCUMENTED if has_been_read else Verdict.DIFFERENT
    return Finding(WEBHOOKS, verdict, found, "an event that ends can be refreshed within seconds (docs/webhooks.md)")
