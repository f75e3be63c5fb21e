"""The settings of the client of Sequel's API: its bounds, and what it may do. `Settings` inherits them."""

from pydantic import Field
from pydantic_settings import BaseSettings


class ClientSettings(BaseSettings):
    """How long and how much is waited for, and how carefully."""

    max_concurrency: int = Field(8, ge=1, le=64, description="requests to Sequel under way at once", examples=["8"])
    connect_timeout_seconds: float = Field(10, gt=0, le=300, description="time to reach Sequel's host", examples=["10"])
    read_timeout_seconds: float = Field(
        60, gt=0, le=3600, description="longest silence within an answer", examples=["60"]
    )
    total_timeout_seconds: float = Field(
        300,
        gt=0,
        le=3600,
        description="longest time for one request, from connecting to the last byte of its answer",
        examples=["300"],
    )
    max_answer_values: int = Field(
        2_000_000,
        ge=1000,
        le=100_000_000,
        description="values (texts, numbers, objects) of one answer; one with more is refused before it fills the memory",
        examples=["2000000"],
    )
    allow_plain_http: bool = Field(
        False,
        description="let SEQUEL_API_URL and SEQUEL_ANALYTICS_URL be http:// to other machines than this one: the client secret, "
        "tokens and people's data then travel in clear",
        examples=["true"],
    )
    retry_budget_seconds: float = Field(
        120, ge=0, le=3600, description="how long one request is tried again before its slice fails", examples=["120"]
    )
    debug_answers: str | None = Field(
        None,
        description="a file in which Sequel's error answers are kept to the letter, to find out what is wrong; they may name people: "
        "leave it out when that is done (docs/operations.md)",
        examples=["/var/lib/sequel/answers.jsonl"],
    )
