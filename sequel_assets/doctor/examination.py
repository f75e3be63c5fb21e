"""The checks of the doctor in their order: each asks what it needs and yields what it found.

What no other check would survive (sign-in refused, the API away) is raised. Everything else is a finding.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sequel_assets.doctor import opt_in_checks, usage_checks
from sequel_assets.doctor.judging import account
from sequel_assets.doctor.judging.findings import Finding, unanswered, unseen
from sequel_assets.doctor.judging.sample import SampledEvent, choose_events
from sequel_assets.doctor.probes import OpenClient, Probes
from sequel_assets.refresh.core.api_profile import Fact
from sequel_assets.sequel import (
    FATAL,
    Company,
    Event,
    Forbidden,
    Interrupted,
    InvalidResponse,
    NotFound,
    OutOfRequests,
    SequelError,
    ServerError,
    Throttled,
)

MAX_REQUESTS = 64
"""Of the checks that always run; the opt-in checks have their own on top."""
MAX_COMPANIES = 6
"""So many companies are asked for their sub-companies, and so many for their events."""

ONCE_MORE = "run it once more later"


@dataclass(frozen=True)
class ExaminationOptions:
    """What is looked at, beside what always is."""

    events: Sequence[str] = ()
    """Events that are looked at first, by their ids."""
    has_load: bool = False
    has_webhooks: bool = False
    is_url_set: bool = False
    """True where the settings name the address of the analytics themselves."""


@dataclass
class Examination:
    """One examination of an account. `probes` knows how many requests it took."""

    open_client: OpenClient
    api_url: str
    analytics_url: str
    company_id: str
    clock: Callable[[], datetime]
    options: ExaminationOptions = field(default_factory=ExaminationOptions)

    def __post_init__(self) -> None:
        """Open nothing yet but the client, which connects with its first request."""
        self.probes = Probes(self.open_client, self.analytics_url, MAX_REQUESTS)
        self._companies: list[Company] = []
        self._events: dict[str, Event] = {}

    def run(self) -> Iterator[Finding]:
        """Yield the finding of each check as it ends."""
        try:
            yield from self._of_account()
            sample: list[SampledEvent] = []
            host = self._find_host()
            yield host
            if not host.is_blocking or host.learned:
                sample = self._sample()
                usage = list[Finding]()
                for finding in usage_checks.of_usage(self.probes, sample):
                    usage.append(finding)
                    yield finding
                has_totals = not any(finding.learned.get(Fact.TOTALS) for finding in usage)
                yield from usage_checks.of_details(self.probes, sample, has_totals=has_totals)
                yield usage_checks.named_endpoints(self.probes, self.company_id, sample, self.clock().date())
            yield from opt_in_checks.run(
                self.probes,
                self.company_id,
                has_load=self.options.has_load,
                has_webhooks=self.options.has_webhooks,
            )
        finally:
            self.probes.close()

    def _of_account(self) -> Iterator[Finding]:
        client = self.probes.client
        root = client.company(self.company_id)
        yield account.judge_sign_in(client.stats.token_lifetime_seconds)
        yield account.judge_clock(client.stats.clock_skew_seconds)
        yield self._walk(root)
        yield from self._list_events()

    def _walk(self, root: Company) -> Finding:
        """List sub-companies, level by level, of a few companies."""
        self._companies, refused, place = [root], [], 0
        while place < min(len(self._companies), MAX_COMPANIES):
            company_id = self._companies[place].uid
            place += 1
            found = self.probes.ask(lambda client, of=company_id: client.sub_companies(of))  # type: ignore[misc]
            if isinstance(found, SequelError):
                _raise_fatal(found)
                if not isinstance(found, Forbidden):
                    return unanswered(account.COMPANIES, found, "the company hierarchy is not known")
                refused.append(company_id)
                continue
            known = {company.uid for company in self._companies}
            self._companies += [company for company in found if company.uid not in known]
        return account.judge_companies(len(self._companies), refused, len(self._companies) - place)

    def _list_events(self) -> Iterator[Finding]:
        allowed, refused = [], []
        failure: SequelError | None = None
        own: list[Event] | None = None
        for company in self._companies[:MAX_COMPANIES]:
            found = self.probes.ask(lambda client, of=company.uid: client.events(of))  # type: ignore[misc]
            if isinstance(found, SequelError):
                _raise_fatal(found)
                if isinstance(found, Forbidden | NotFound):
                    refused.append(company.uid)
                else:
                    failure = found
                continue
            allowed.append(company.uid)
            self._events |= {event.uid: event for event in found}
            own = found if company.uid == self.company_id else own
        if failure is not None and not refused:
            yield unanswered(account.ACCESS, failure, "events of some companies are not known")
        else:
            yield account.judge_access(allowed, refused)
        everybody = self.probes.ask(lambda client: client.events(self.company_id, include_sub_companies=True))
        means = "events are sorted by their own companyUid"
        if isinstance(everybody, SequelError):
            yield unanswered(account.SUB_COMPANIES, everybody, means)
        elif own is None:
            yield unseen(account.SUB_COMPANIES, "the root's own events could not be listed", means)
        else:
            self._events |= {event.uid: event for event in everybody}
            yield account.judge_sub_companies(
                self.company_id, [event.company_uid for event in own], [event.company_uid for event in everybody]
            )

    def _find_host(self) -> Finding:
        """Try the known addresses of the analytics with one event until one answers."""
        chosen = choose_events(self._events.values(), self.clock(), self.options.events)
        if not chosen:
            why = "there is no past event to ask about"
            return unseen(account.HOST, why, "minutes are requested where the settings say", ONCE_MORE)
        failed: dict[str, str] = {}
        for url in account.candidates(self.api_url, self.analytics_url):
            if url != self.analytics_url:
                self.probes.move_to(url)
            found = self.probes.participants(chosen[0].uid)
            if not isinstance(found, SequelError):
                return account.judge_host(url, self.analytics_url, failed, is_set=self.options.is_url_set)
            if isinstance(found, Throttled | ServerError | Interrupted | OutOfRequests):
                return unanswered(account.HOST, found, "minutes are requested there", to_set=ONCE_MORE)
            failed[url] = _in_short(found)
        return account.judge_host(None, self.analytics_url, failed, is_set=self.options.is_url_set)

    def _sample(self) -> list[SampledEvent]:
        """Return a few events with their totals; those without minutes show nothing."""
        sample = []
        for event in choose_events(self._events.values(), self.clock(), self.options.events):
            found = self.probes.participants(event.uid)
            if isinstance(found, SequelError) or not found.total_engaged_minutes:
                continue
            assert event.starts_at is not None  # noqa: S101 - only such are chosen
            assert event.ends_at is not None  # noqa: S101
            company_id = event.company_uid or self.company_id
            totals = (found.number_of_users, found.total_engaged_minutes)
            sample.append(SampledEvent(event.uid, company_id, event.starts_at, event.ends_at, *totals))
        return sample


def _raise_fatal(error: SequelError) -> None:
    if isinstance(error, FATAL):
        raise error


def _in_short(error: SequelError) -> str:
    """Return why an address does not answer, in a word or two."""
    if isinstance(error, InvalidResponse):
        return f"an answer that is {error.fault}" if error.fault == "not JSON" else error.fault
    return "404" if isinstance(error, NotFound) else str(error.status or error.message)
