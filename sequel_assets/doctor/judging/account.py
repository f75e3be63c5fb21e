"""The account: sign-in, clock, companies and rights, the host of the analytics, and what is only named. Pure."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from sequel_assets.doctor.judging.findings import Finding, Verdict, unseen
from sequel_assets.refresh.core.api_profile import Fact

SIGN_IN, CLOCK, COMPANIES, ACCESS = "sign-in", "clock", "companies", "access"
SUB_COMPANIES, HOST, NAMED = "sub-companies", "analytics host", "named endpoints"
MAX_SKEW_SECONDS = 60.0
MAX_NAMED_IDS = 5
SEQUELS_DOMAIN = "introvoke.com"
SEQUELS_ANALYTICS = ("https://analytics.introvoke.com", "https://data.sequel.io")
PUBLISHED_PREFIX = "/api/v1"
"""Before the paths of the analytics at the API host, as the published description lists them."""


def candidates(api_url: str, configured: str) -> list[str]:
    """Return the addresses at which the analytics may be: the configured one, and those that are known of Sequel.

    Sequel's own hosts are tried for Sequel's API alone: no other account's token is sent there.
    """
    host = urlsplit(api_url).hostname or ""
    is_sequels = host == SEQUELS_DOMAIN or host.endswith(f".{SEQUELS_DOMAIN}")
    known = [f"{api_url}{PUBLISHED_PREFIX}", *(SEQUELS_ANALYTICS if is_sequels else [api_url])]
    return list(dict.fromkeys([configured, *known]))


def judge_sign_in(lifetime_seconds: float | None) -> Finding:
    """Return whether a token says how long it lives."""
    if lifetime_seconds is None:
        found, means = "accepted; the token does not say when it expires", "it is renewed when Sequel refuses it (401)"
        return Finding(SIGN_IN, Verdict.NOT_ANSWERED, found, means)
    found = f"accepted; a token lives {lifetime_seconds / 3600:.1f} h"
    return Finding(SIGN_IN, Verdict.AS_DOCUMENTED, found, "a token is renewed before it expires")


def judge_clock(skew_seconds: float | None) -> Finding:
    """Return whether this machine's clock agrees with Sequel's."""
    if skew_seconds is None:
        return unseen(CLOCK, "Sequel sends no Date", "hours are those of this machine's clock", "keep it right (NTP)")
    found = f"Sequel's clock is {abs(skew_seconds):.0f} s {'ahead of' if skew_seconds > 0 else 'behind'} this machine's"
    if abs(skew_seconds) <= MAX_SKEW_SECONDS:
        return Finding(CLOCK, Verdict.AS_DOCUMENTED, found, "hours are the same here and there")
    means = "numbers could be taken to cover an hour that Sequel has not computed yet"
    return Finding(CLOCK, Verdict.DIFFERENT, found, means, "set this machine's clock right (NTP)")


def judge_companies(companies: int, refused: Sequence[str], unlisted: int) -> Finding:
    """Return what was found of the company hierarchy; `unlisted` companies were not asked for theirs."""
    found = f"{companies:,} known" + (f"; of {unlisted:,} the sub-companies were not looked for" if unlisted else "")
    if refused:
        found += f"; no list of {_ids(refused)} (403)"
        means = "their sub-companies are not known, so they have no numbers, and no roll-up is written above them"
        return Finding(COMPANIES, Verdict.NOT_ALLOWED, found, means, "ask Sequel about the licence of these companies")
    return Finding(COMPANIES, Verdict.AS_DOCUMENTED, found, "each of them becomes a partition")


def judge_access(allowed: Sequence[str], refused: Sequence[str]) -> Finding:
    """Return whose events the account may read, of the companies looked at."""
    if refused:
        found = f"events of {len(allowed)} of {len(allowed) + len(refused)}; no access to {_ids(refused)}"
        means = "companies without access have no numbers; each is named by status"
        return Finding(ACCESS, Verdict.NOT_ALLOWED, found, means, "ask Sequel for access to these companies")
    found = f"the events of all {len(allowed)} companies looked at" if len(allowed) > 1 else "the events of the company"
    return Finding(ACCESS, Verdict.AS_DOCUMENTED, found, "their events are listed")


def judge_sub_companies(root_id: str, own: Sequence[str | None], everybody: Sequence[str | None]) -> Finding:
    """Return whether `includeSubCompanies` is honoured, by the companies of the events with false and with true."""
    others = sum(company not in (None, root_id) for company in own)
    if others:
        found = f"with includeSubCompanies=false {others} of {len(own)} events are of other companies"
        means = "nothing: events are sorted by their own companyUid"
        return Finding(SUB_COMPANIES, Verdict.DIFFERENT, found, means)
    if not any(company not in (None, root_id) for company in everybody):
        return unseen(SUB_COMPANIES, "no sub-company has events", "events are sorted by their own companyUid")
    found = f"{len(own)} events of the root alone, {len(everybody)} in all"
    return Finding(SUB_COMPANIES, Verdict.AS_DOCUMENTED, found, "each company's events are its own")


def judge_host(answered: str | None, configured: str, failed: Mapping[str, str], *, is_set: bool) -> Finding:
    """Return at which address the analytics answer; `failed` has what the others did instead."""
    tried = "; ".join(f"{url}: {why}" for url, why in failed.items())
    if answered is None:
        means = "there are no minutes and no people: nothing can be refreshed but companies and events"
        to_set = "ask Sequel for the address of the analytics, then set SEQUEL_ANALYTICS_URL"
        return Finding(HOST, Verdict.NOT_ANSWERED, tried, means, to_set, is_blocking=True)
    if answered == configured:
        means = "participants and concurrency are requested there"
        return Finding(HOST, Verdict.AS_DOCUMENTED, f"{answered} answers", means)
    found = f"{answered} answers; {tried}"
    if is_set:
        means = "SEQUEL_ANALYTICS_URL names another address, so refreshes fail until it is changed"
        to_set = f"SEQUEL_ANALYTICS_URL={answered}"
        return Finding(HOST, Verdict.DIFFERENT, found, means, to_set, {Fact.ANALYTICS_URL: answered}, is_blocking=True)
    means = "kept in the warehouse: participants and concurrency are requested there"
    return Finding(HOST, Verdict.DIFFERENT, found, means, learned={Fact.ANALYTICS_URL: answered})


def judge_named(there: Sequence[str], missing: Mapping[str, str]) -> Finding:
    """Return which of the endpoints that Sequel only names exist."""
    means = "without polls, chat and questions are unknown, not zero; without usage totals reconciliation compares less"
    absent = ", ".join(f"{name} ({why})" for name, why in missing.items())
    if not missing:
        return Finding(NAMED, Verdict.AS_DOCUMENTED, ", ".join(there), "chat and polls are kept, totals are compared")
    if not there:
        return Finding(NAMED, Verdict.NOT_ANSWERED, f"none: {absent}", means)
    return Finding(NAMED, Verdict.DIFFERENT, f"there: {', '.join(there)}; not there: {absent}", means)


def _ids(ids: Sequence[str]) -> str:
    more = len(ids) - MAX_NAMED_IDS
    return ", ".join(ids[:MAX_NAMED_IDS]) + (f" and {more} more" if more > 0 else "")
