"""The settings of the client of Sequel's API: timeouts, limits and permissions. `Settings` inherits them."""

from pydantic import Field
from pydantic_settings import BaseSettings


class ClientSettings(BaseSettings):
    """Timeouts and limits of requests and responses."""

    max_concurrency: int = Field(
        8,
        ge=1,
        le=64,
        description="concurrent requests to Sequel, of all processes of a warehouse together",
        examples=["8"],
    )
    companies_per_run: int = Field(
        50,
        ge=1,
        le=1000,
        description="companies that one run of the hour refreshes: with more companies there are more runs, which other "
        "workers execute side by side",
        examples=["50"],
    )
    connect_timeout_seconds: float = Field(
        10, gt=0, le=300, description="longest time to connect to Sequel's host", examples=["10"]
    )
    read_timeout_seconds: float = Field(
        60, gt=0, le=3600, description="longest pause within a response", examples=["60"]
    )
    total_timeout_seconds: float = Field(
        300,
        gt=0,
        le=3600,
        description="longest time for one request, from connecting to the last byte of its response",
        examples=["300"],
    )
    max_answer_values: int = Field(
        2_000_000,
        ge=1000,
        le=100_000_000,
        description="values (texts, numbers, objects) of one response; a larger one is refused before it fills the "
        "memory",
        examples=["2000000"],
    )
    allow_plain_http: bool = Field(
        False,
        description="allow http:// in SEQUEL_API_URL and SEQUEL_ANALYTICS_URL for other machines than this one: the "
        "client "
        "secret, tokens and people's data then travel unencrypted",
        examples=["true"],
    )
    retry_budget_seconds: float = Field(
        120, ge=0, le=3600, description="how long one request is retried before its slice fails", examples=["120"]
    )
    debug_answers: str | None = Field(
        None,
        description="file that records Sequel's error responses verbatim, for debugging; they may name people: unset "
        "it "
        "afterwards (docs/operations.md)",
        examples=["/var/lib/sequel/answers.jsonl"],
    )
