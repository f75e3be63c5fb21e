"""Who organizes and presents a generated event, in the shapes that Sequel might name them by: it documents none."""

from __future__ import annotations

import random
from typing import Any

from sequel_assets.sandbox.world import people
from sequel_assets.sandbox.world.truth import Person

UNKNOWN: tuple[Any, ...] = ({"avatar": None}, None, 12.5, [], "")
"""Entries that name nobody."""


def hosts_of(
    seed: int, event_id: str, company: int, number: int, circle: int
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The organizers and the presenters of an event; they are of the company's circle, so some are in its audience too.

    Every seventeenth event names one by an id alone, every nineteenth in a way that is unknown.
    """
    rng = random.Random(f"{seed}/hosts/{event_id}")
    who = [people.person(seed, company, place) for place in rng.sample(range(circle), min(4, circle))]
    organizers: list[Any] = [_shown(rng, one) for one in who[:1]]
    presenters: list[Any] = [_shown(rng, one) for one in who[1 : rng.randint(1, 4)]]
    presenters += organizers if rng.random() < 0.3 else []
    if number % 17 == 8:
        presenters.append(rng.choice((f"host-{number}", {"uid": f"host-{number}", "name": who[0].name})))
    if number % 19 == 12:
        presenters.append(rng.choice(UNKNOWN))
    return tuple(organizers), tuple(presenters)


def _shown(rng: random.Random, who: Person) -> Any:
    """Somebody as an e-mail or as an object with it."""
    email, email_field = who.email or "", rng.choice(("email", "userEmail"))
    shape = rng.randrange(4)
    if shape == 0:
        return rng.choice((email, email.upper(), f" {email}"))
    named = {"name": who.name} if shape != 1 else {}
    return {**named, email_field: email, **({"uid": f"user of {email}"} if shape == 2 else {})}
