"""The people of a generated world: who they are, and the many ways in which their names and e-mails are written."""

from __future__ import annotations

import random
import unicodedata

from sequel_assets.sandbox.world.truth import AS_IS, MISSING, Attendance, Person, Text

FIRST = [
    "Ada",
    "Åsa",
    "Björn",
    "Chloé",
    "Dario",
    "Élodie",
    "Fatima",
    "Grace",
    "Hans",
    "İpek",
    "Jürgen",
    "Kofi",
    "Løne",
    "María",
    "Nguyễn",
    "Olga",
    "Pádraig",
    "Quentin",
    "Renée",
    "Søren",
    "Tomáš",
    "Uma",
    "Violet",
    "Wei",
    "Xenia",
    "Yaw",
    "Zoë",
    "Amélie",
    "Bogdan",
    "Čeněk",
]
LAST = [
    "Müller",
    "Smith",
    "Ångström",
    "García",
    "Okafor",
    "Nowak",
    "Li",
    "Dvořák",
    "O'Neill",
    "Jensen",
    "Rossi",
    "Haddad",
    "Tanaka",
    "Fernández",
    "Weiß",
    "Popescu",
    "Kaya",
    "Larsson",
    "Dubois",
    "Mensah",
    "Schröder",
    "Ivanova",
    "Silva",
    "Khan",
    "Brontë",
]
DOMAINS = ("example.com", "mail.example.org", "beispiel.example", "kunde.example", "acme.example")


def person(seed: int, company: int, number: int) -> Person:
    """The `number`th person of a company's circle. Every seventh is one of a circle that all companies share.

    Every thirteenth shares the mailbox of the one before, with a plus-address: another person all the same.
    """
    plus = number % 13 == 8
    base = number - 1 if plus else number
    circle = "all" if base % 7 == 3 else str(company)
    rng = random.Random(f"{seed}/person/{circle}/{base}")
    first, last = rng.choice(FIRST), rng.choice(LAST)
    mailbox = f"{_letters(first)}.{_letters(last)}.{circle}-{base}"
    return Person(f"{first} {last}" + " junior" * plus, f"{mailbox}{'+team' * plus}@{rng.choice(DOMAINS)}")


def without_email(seed: int, event_id: str, number: int) -> Person:
    """A guest of one event who left no e-mail; the number in the name makes it unique."""
    rng = random.Random(f"{seed}/guest/{event_id}/{number}")
    return Person(f"{rng.choice(FIRST)} {rng.choice(LAST)} {number}")


def attendance(
    rng: random.Random, who: Person, live: list[tuple[int, int]], on_demand: list[tuple[int, int]]
) -> Attendance:
    """One row as Sequel shows it: mostly as the person is, sometimes otherwise spelt, with blanks, or nameless."""
    return Attendance(who, live, on_demand, email=spelling(rng, who.email), name=_shown_name(rng, who))


def spelling(rng: random.Random, email: str | None) -> Text:
    """An e-mail as somebody typed it: same person, other letters. None: null, missing, or an empty text."""
    if email is None:
        return rng.choice((None, MISSING, "", " "))
    dice = rng.random()
    if dice < 0.8:
        return AS_IS
    if dice < 0.86:
        return email.upper()
    if dice < 0.91:
        return unicodedata.normalize("NFD", email)
    return f" {email}" if dice < 0.94 else f"{email} " if dice < 0.97 else email.title()


def _shown_name(rng: random.Random, who: Person) -> Text:
    dice = rng.random()
    if dice < 0.85:
        return AS_IS
    if dice < 0.93:
        return f"{who.name} "
    if who.email is None:
        return f"  {who.name}"
    return rng.choice((f" {who.name}", who.name.upper(), None, MISSING, ""))


def _letters(name: str) -> str:
    """A name as it stands in an e-mail: lower case, umlauts kept, and no letter whose case changes its length."""
    kept = unicodedata.normalize("NFC", name).replace("ß", "ss").replace("İ", "I").replace("'", "")
    return kept.lower()
