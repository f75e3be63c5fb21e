"""What `dg scaffold defs sequel_assets.SequelComponent NAME` writes: a component named after its folder.

Another instance gets other asset keys and other variables by another name.
"""

import re

import dagster as dg
from pydantic import BaseModel, Field

NAMED = (
    "client_id",
    "client_secret",
    "company_id",
    "person_key",
    "start_date",
    "warehouse_url",
    "api_url",
    "analytics_url",
)
"""The settings that an instance needs, and where Sequel is: a variable that is not set counts as left out."""
OWN = "SEQUEL"


class SequelScaffoldParams(BaseModel):
    """The parameters of the scaffolder."""

    key_prefix: str | None = Field(None, description="before the asset keys, and in the names of the variables")


class SequelScaffolder(dg.Scaffolder[SequelScaffoldParams]):
    """Writes the YAML (or the Python file) of an instance."""

    @classmethod
    def get_scaffold_params(cls) -> type[SequelScaffoldParams]:
        """Return the model of the parameters."""
        return SequelScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[SequelScaffoldParams]) -> None:
        """Write it, with the name of its folder where no prefix is given."""
        dg.scaffold_component(request, attributes(request.params.key_prefix or request.target_path.name))


def attributes(name: str) -> dict[str, object]:
    """Return the attributes of an instance of this name; of `sequel` the variables are those of docs/settings.md."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or OWN.lower()
    start = OWN if plain == OWN.lower() else f"{plain.upper()}_{OWN}"
    workspace = {setting: f"{{{{ env.{start}_{setting.upper()} }}}}" for setting in NAMED}
    return {"workspace": workspace, "key_prefix": plain, "schedules": True, "sensors": True}
