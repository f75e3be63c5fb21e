"""What the doctor does only on request: many requests at once, and a subscription that is deleted at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from sequel_assets.doctor.judging import opt_in
from sequel_assets.doctor.judging.findings import Finding, unanswered
from sequel_assets.doctor.probes import Probes
from sequel_assets.sequel import SequelError
from sequel_assets.warehouse.tables.webhook_types import WebhookType

NOWHERE = "https://webhooks.invalid/sequel-assets-doctor"
"""An address that no one has: the name is reserved for that."""
SHORTEST_DAYS = 2
WEBHOOK_REQUESTS, SIGN_INS = 6, 2


def run(probes: Probes, company_id: str, *, has_load: bool, has_webhooks: bool) -> Iterator[Finding]:
    """Yield what is found of the request rate, which is always noted, and of webhooks, if that is wanted."""
    if has_load and not probes.throttled:
        probes.allow_more(sum(opt_in.LOAD_STEPS) + SIGN_INS)
        yield _load(probes, company_id)
    else:
        wait = probes.retry_after_seconds
        yield opt_in.judge_rate(0, throttled=probes.throttled, retry_after=wait, was_requested=has_load)
    if has_webhooks:
        probes.allow_more(WEBHOOK_REQUESTS)
        yield _webhooks(probes, company_id)


def _load(probes: Probes, company_id: str) -> Finding:
    """Send more and more requests at once until one is refused."""
    went_through = 0
    with ThreadPoolExecutor(max(opt_in.LOAD_STEPS)) as pool:
        for number in opt_in.LOAD_STEPS:
            list(pool.map(lambda one: probes.ask(lambda client: client.company(one)), [company_id] * number))
            if probes.throttled:
                wait = probes.retry_after_seconds
                return opt_in.judge_rate(went_through, throttled=probes.throttled, retry_after=wait, was_requested=True)
            went_through = number
    return opt_in.judge_rate(went_through, throttled=0, retry_after=None, was_requested=True)


def _webhooks(probes: Probes, company_id: str) -> Finding:
    """Create the shortest subscription there is, read it, delete it."""
    made = probes.ask(
        lambda client: client.create_subscription(WebhookType.ENDED, company_id, NOWHERE, length_in_days=SHORTEST_DAYS)
    )
    if isinstance(made, SequelError):
        return unanswered(opt_in.WEBHOOKS, made, "without webhooks an event that ends is refreshed with the next hour")
    read = probes.ask(lambda client: client.subscription(made.subscription_id))
    gone = probes.ask(lambda client: client.delete_subscription(made.subscription_id))
    return opt_in.judge_webhooks(
        has_been_read=not isinstance(read, SequelError),
        was_deleted=not isinstance(gone, SequelError),
        subscription_id=made.subscription_id,
    )
