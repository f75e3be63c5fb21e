"""The settings that choose which companies are refreshed. `Settings` inherits them."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode


def _listed(value: object) -> object:
    """Return the names of a text that separates them by commas; a list is one already."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


NamesOfCompanies = Annotated[tuple[str, ...], BeforeValidator(_listed), NoDecode]


class CompanySettings(BaseSettings):
    """Which companies are refreshed: all, unless these say otherwise."""

    include_companies: NamesOfCompanies = Field(
        (),
        description="companies that are refreshed, each with its sub-companies; by id, partition key, name or the "
        "beginning of one that no other has, separated by commas (default: all). The root always is",
        examples=["Acme Events, bolt.22222222"],
    )
    exclude_companies: NamesOfCompanies = Field(
        (),
        description="companies that are left out, each with its sub-companies; they count as gone: what is stored of "
        "them stays",
        examples=["Acme Test"],
    )
