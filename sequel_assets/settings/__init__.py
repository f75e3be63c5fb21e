"""The settings: every environment variable once, with its default, its meaning and an example.

Values come from the environment and from a `.env` file in the working directory (the environment wins). Nothing is read
at import. A missing setting is reported by the command that needs it, all missing names at once. A message never quotes
the value of a setting that may be secret.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import SettingsConfigDict

from sequel_assets.safety.file_modes import FileSettings
from sequel_assets.settings import alert_addresses
from sequel_assets.settings.client import ClientSettings
from sequel_assets.settings.companies import CompanySettings
from sequel_assets.settings.retention import DaysKept, DaysKeptByCompany
from sequel_assets.settings.webhooks import WebhookSettings

PREFIX = "SEQUEL_"
DATA_FOLDER = ".sequel"
"""The folder of the embedded warehouse and Dagster's home in the working directory, unless settings say otherwise."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message has one line for each and can be shown without escaping."""


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    return value.rstrip("/")


def _relation(value: str) -> str:
    if not re.fullmatch(r"([^\W\d]\w*\.)?[^\W\d]\w*", value):
        raise ValueError("it must be a name, or schema.name, of letters, digits and _")
    return value


def _plain_day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise ValueError("it must be a day (UTC) such as 2026-11-23, without time or zone")
    return value


Day = Annotated[date, BeforeValidator(_plain_day)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Relation = Annotated[str, AfterValidator(_relation)]


class Settings(ClientSettings, CompanySettings, WebhookSettings, FileSettings):
    """The settings of one process. Build it with `load()`, which turns a mistake into a `SettingsError`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
    )

    api_url: HttpUrl = Field(
        "https://api.introvoke.com",
        description="Sequel's API: companies, events, sign-in",
        examples=["https://api.introvoke.com"],
    )
    analytics_url: HttpUrl = Field(
        "https://analytics.introvoke.com",
        description="Sequel's analytics API: participants, concurrency",
        examples=["https://analytics.introvoke.com"],
    )
    client_id: str | None = Field(None, description="client id of your Sequel API credentials", examples=["a1b2c3"])
    client_secret: SecretStr | None = Field(
        None, description="client secret of your Sequel API credentials", examples=["(from Sequel's admin page)"]
    )
    audience: str = Field(
        "https://www.introvoke.com/api",
        description="audience requested at sign-in",
        examples=["https://www.introvoke.com/api"],
    )
    company_id: str | None = Field(
        None,
        description="uid of your parent company at Sequel; all its sub-companies are found from there",
        examples=["0b9ff4b4-6c9c-4a1e-9df0-6b6f1a1f0a11"],
    )
    warehouse_url: str = Field(
        f"sqlite:///{DATA_FOLDER}/warehouse.db",
        description="database of the tables: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
        examples=["postgresql://sequel:secret@db.example.com/analytics"],
        repr=False,  # it may hold a password
    )
    person_key: SecretStr | None = Field(
        None,
        description="key of the hash that identifies a person (HMAC-SHA-256), 32 characters or more; never change it: "
        "with another key every person gets another id",
        examples=["(openssl rand -hex 32)"],
    )
    start_date: Day = Field(
        date(2025, 1, 1),  # fixed: a default that moved with the calendar would cut lifetime numbers each January
        description="first day (UTC) of the history; lifetime numbers count from it, and change when it is changed",
        examples=["2026-01-01"],
    )
    settle_minutes: int = Field(
        5, ge=0, le=59, description="minutes that Sequel needs after each full hour to compute it", examples=["5"]
    )
    late_window_hours: int = Field(
        48, ge=0, le=24 * 366, description="hours after a day's end until its numbers are final", examples=["48"]
    )
    retention_days: DaysKept = Field(
        None,
        description="days that Sequel keeps its analytics; older days are frozen: they are not requested any more, and "
        "their stored rows stay; set one day less than Sequel says (default: Sequel keeps everything)",
        examples=["30"],
    )
    company_retention_days: DaysKeptByCompany = Field(
        {},
        description="the same for single companies, as JSON: company id or partition key to days, null where all is "
        "kept",
        examples=['{"acme-events.3f9a1c07": 13}'],
    )
    people_view: Relation | None = Field(
        None,
        description="a view or table in the warehouse that links people to your own ids, with the columns email or "
        "person_id, "
        "and external_id; read by: sequel-assets people link --view",
        examples=["crm.people_ids"],
    )
    alert_urls: SecretStr | None = Field(
        None,
        description="recipients of alerts: Apprise addresses (mail, Slack, a webhook ...), separated by commas or "
        "blanks",
        examples=["mailtos://user:password@example.com, slack://token/of/app"],
    )
    now: datetime | None = Field(
        None, description="pins the clock (tests, demos); leave it out in production", examples=["2026-11-23T15:07:00Z"]
    )

    @field_validator("company_id", "client_id")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        return (value or "").strip() or None

    @field_validator("client_secret")
    @classmethod
    def _not_blank_either(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value().strip() else None

    @field_validator("person_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("it must have 32 characters or more")
        return value

    @field_validator("alert_urls")
    @classmethod
    def _all_understood(cls, value: SecretStr | None) -> SecretStr | None:
        urls = alert_addresses.split(value.get_secret_value()) if value is not None else []
        wrong = [str(place) for place in alert_addresses.parse_addresses(urls) if place.channel is None]
        if wrong:
            raise ValueError(f"Apprise does not understand {', '.join(wrong)}")
        return value if urls else None

    @field_validator("now")
    @classmethod
    def _in_utc(cls, value: datetime | None, _info: ValidationInfo) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("it must have a time zone, for example a Z at its end")
        return value.astimezone(UTC)

    def clock(self) -> datetime:
        """Return the current time in UTC. Every decision takes *now* from here, so that tests and demos can pin it."""
        return self.now or datetime.now(UTC)

    def require(self, *names: str) -> None:
        """Raise a `SettingsError` that names each of these settings that is not set."""
        missing = [name for name in names if getattr(self, name) is None]
        if missing:
            raise SettingsError("\n".join(_line(self.label(name), name, "is not set") for name in missing))

    @staticmethod
    def label(name: str) -> str:
        """Return what a person calls a setting where it is given."""
        return variable(name)


def load(**overrides: Any) -> Settings:
    """Read the settings from the environment and `.env`; wrong ones raise a `SettingsError` with a line for each."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(wrong_lines(error, variable)) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f".env: cannot be read: {why}. What it is: settings, one NAME=value a line") from None


def wrong_lines(error: ValidationError, label: Callable[[str], str]) -> str:
    """Return a line for each wrong setting, without its value; within a setting it names the entry, such as a company."""
    lines = []
    for one in error.errors(include_input=False):
        name, *entries = map(str, one["loc"])
        message = one["msg"].removeprefix("Value error, ")
        lines.append(_line(label(name), name, ": ".join([*entries, message[:1].lower() + message[1:]])))
    return "\n".join(lines)


def _line(label: str, name: str, wrong: str) -> str:
    field = Settings.model_fields[name.removeprefix(PREFIX).lower()]
    example = (field.examples or [""])[0]
    return f"{label}: {wrong}. What it is: {field.description}. Example: {example}"


def variable(name: str) -> str:
    """Return the environment variable of a setting: `company_id` -> `SEQUEL_COMPANY_ID`."""
    return PREFIX + name.removeprefix(PREFIX).upper()


def as_markdown() -> str:
    """Return docs/settings.md: a row per setting, generated from the fields."""
    rows, fields = [], Settings.model_fields
    parts = (CompanySettings, ClientSettings, WebhookSettings)  # listed after the general settings
    for name, field in sorted(fields.items(), key=lambda item: [item[0] in part.model_fields for part in parts[::-1]]):
        factory = field.default_factory is not None
        default = "see text" if factory else "" if field.default in (None, "", ()) else f"`{field.default}`"
        cells = (f"`{variable(name)}`", default, str(field.description), f"`{(field.examples or [''])[0]}`")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    head = (
        "# Settings\n\nGenerated from `sequel_assets/settings/` by `make docs`; edit the descriptions there.\n\n"
        "Read from the environment and from `.env` in the working directory; the environment wins.\n\n"
        "| variable | default | what it is | example |\n| --- | --- | --- | --- |\n"
    )
    return head + "\n".join(rows) + "\n"
