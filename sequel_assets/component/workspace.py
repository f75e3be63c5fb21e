"""The `workspace` of a component: which account, warehouse and days; every setting but those of the process.

Values are text in the end, as in the environment. Dagster would read a secret of digits as a number, and a number may
come back as another text: a person's key that changes so gives every person another id.
"""

from datetime import date
from functools import cache
from typing import Any

from dagster.components.resolved.context import ResolutionContext
from jinja2 import Environment, StrictUndefined, TemplateError
from pydantic import BaseModel, ConfigDict, Field, create_model

from sequel_assets.settings import Settings, SettingsError
from sequel_assets.settings.given import NOT_GIVEN, GivenSettings, given

Value = str | bool | int | float | date | dict[str, Any] | list[str] | None


def workspace_model() -> type[BaseModel]:
    """Return the model of the YAML: a key for each setting, in small letters without `SEQUEL_`."""
    fields: dict[str, Any] = {
        name: (Value, Field(None, description=field.description, examples=field.examples))
        for name, field in Settings.model_fields.items()
        if name not in NOT_GIVEN
    }
    return create_model("SequelWorkspace", __config__=ConfigDict(extra="forbid"), **fields)


@cache
def _templates() -> Environment:
    # a variable that is not set is an empty text, and so a setting that was left out
    return Environment(  # noqa: S701 - settings, not HTML
        undefined=StrictUndefined, finalize=lambda value: "" if value is None else value
    )


def resolve_workspace(context: ResolutionContext, model: BaseModel | None) -> GivenSettings | None:
    """Return the settings of a workspace, its `{{ env.X }}` filled in; None where the component has none."""
    if model is None:
        return None
    return given({name: _resolved(context, name, getattr(model, name)) for name in model.model_fields_set})


def _resolved(context: ResolutionContext, name: str, value: Value) -> Value:
    if not isinstance(value, str):
        return value
    try:
        return _templates().from_string(value).render(**context.scope)
    except TemplateError as error:
        raise SettingsError(f"workspace.{name}: its template cannot be filled in: {error}") from None
