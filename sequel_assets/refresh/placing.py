"""Asking for the lists of events, and for what else must be known to place every listed event at its company."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor

from sequel_assets.sequel import Event, Forbidden, NotFound, SequelClient, SequelError, SignInRefused, Unreachable
from sequel_assets.warehouse.catalog import KnownCompany, KnownEvent

from .listing import Owned, foreign_owners, own

FATAL = (SignInRefused, Unreachable)
"""Errors that end a run: no other request would fare better."""


def place_events(
    client: SequelClient,
    company_ids: Sequence[str],
    companies: Sequence[KnownCompany],
    stored: Mapping[str, Mapping[str, KnownEvent]],
    pool: Executor,
) -> tuple[Owned, dict[str, SequelError]]:
    """List the events of companies and place each; return them, and the error of each company that cannot be told."""
    listings, failed = _listings(client, company_ids, pool)
    parents = {company.company_id: company.parent_company_id for company in companies}
    ask_too = {
        below.company_id
        for below in companies
        if below.gone_at is None and below.company_id not in company_ids
        for above in _above(below.company_id, parents)
        if above in listings and _of_unknown_owner(listings[above], stored.get(above, {}))
    }
    witnesses, silent = _listings(client, sorted(ask_too), pool)
    theirs: set[tuple[str, str]] = set()
    """(lister, event) where the event is known at a company beneath that cannot be asked now."""
    for company_id in list(listings):
        doubtful = _of_unknown_owner(listings[company_id], stored.get(company_id, {})) - {
            event.uid for listing in (*witnesses.values(), *_others(listings, company_id)) for event in listing
        }
        for below, error in (failed | silent).items():
            if company_id in _above(below, parents) and not isinstance(error, NotFound):
                theirs |= {(company_id, event_id) for event_id in doubtful & stored.get(below, {}).keys()}
                if doubtful - stored.get(below, {}).keys():
                    failed[company_id] = error
                    listings.pop(company_id, None)
    depths = {company.company_id: company.depth for company in companies}
    aliases, unknown = _aliases(client, listings, depths)
    for company_id in list(listings):
        for event in listings[company_id]:
            if event.company_uid in unknown:
                failed[company_id] = unknown[event.company_uid]
        if company_id in failed:
            del listings[company_id]
    asked = listings | witnesses
    links = [(company, event) for company, known in stored.items() if company not in asked for event in known.values()]
    placed = {
        company_id: [event for event in listing if (company_id, event.uid) not in theirs]
        for company_id, listing in asked.items()
    }
    return own(placed, depths, aliases, links), failed


def _listings(
    client: SequelClient, company_ids: Sequence[str], pool: Executor
) -> tuple[dict[str, list[Event]], dict[str, SequelError]]:
    def ask(company_id: str) -> list[Event] | SequelError:
        try:
            return client.events(company_id, include_sub_companies=False)
        except FATAL:
            raise
        except SequelError as error:
            return error

    listings, failed = {}, {}
    for company_id, answer in zip(company_ids, pool.map(ask, company_ids), strict=True):
        if isinstance(answer, SequelError):
            failed[company_id] = answer
        else:
            listings[company_id] = answer
    return listings, failed


def _others(listings: Mapping[str, Sequence[Event]], company_id: str) -> Iterable[Sequence[Event]]:
    return (listing for other, listing in listings.items() if other != company_id)


def _of_unknown_owner(listing: Iterable[Event], known: Mapping[str, KnownEvent]) -> set[str]:
    """Return the events that name no owner and are not known at their lister.

    Sequel may list a sub-company's events although told not to, so only the lists of those beneath can tell.
    """
    return {event.uid for event in listing if not event.company_uid and event.uid not in known}


def _above(company_id: str, parents: Mapping[str, str | None]) -> list[str]:
    """Return the companies above one, the nearest first; a loop ends where it began."""
    found: list[str] = []
    at = parents.get(company_id)
    while at is not None and at != company_id and at not in found:
        found.append(at)
        at = parents.get(at)
    return found


def _aliases(
    client: SequelClient, listings: Mapping[str, Sequence[Event]], depths: Mapping[str, int]
) -> tuple[dict[str, str], dict[str | None, SequelError]]:
    """Look up owners that are no company we know: another spelling of one, none of ours, or not to be told now."""
    aliases: dict[str, str] = {}
    unknown: dict[str | None, SequelError] = {}
    for owner in sorted(foreign_owners(listings, depths)):
        try:
            company = client.company(owner)
        except (NotFound, Forbidden):  # none of ours, as far as we may see
            continue
        except FATAL:
            raise
        except SequelError as error:
            unknown[owner] = error
            continue
        if company.uid in depths:
            aliases[owner] = company.uid
    return aliases, unknown
