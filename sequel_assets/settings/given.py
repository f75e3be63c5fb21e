"""Settings that somebody gives as values, instead of the environment: the `workspace` of a component.

Nothing of the environment or of `.env` is read, so that two instances in one process never share a setting by mistake.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from sequel_assets.settings import Settings, SettingsError, wrong_lines

NOT_GIVEN = frozenset({"file_mode"})
"""Settings of the process, which the environment alone decides."""


class GivenSettings(Settings):
    """The settings of one instance, all from its component."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given and nothing else."""
        return (init_settings,)

    @staticmethod
    def label(name: str) -> str:
        """Return the key in the component's YAML."""
        return f"workspace.{name.lower()}"


def given(values: Mapping[str, Any]) -> GivenSettings:
    """Return the settings of these values, read as if each were a variable; an empty one counts as left out.

    Wrong ones raise a `SettingsError` with a line for each.
    """
    said = {name: value if isinstance(value, dict | list) else str(value) for name, value in values.items()}
    chosen: dict[str, Any] = {name: value for name, value in said.items() if values[name] is not None and value != ""}
    unknown = sorted(set(chosen) - set(Settings.model_fields) | set(chosen) & NOT_GIVEN)
    if unknown:
        raise SettingsError(f"workspace.{unknown[0]}: there is no such setting; docs/settings.md lists them")
    try:
        return GivenSettings(**chosen)
    except ValidationError as error:
        raise SettingsError(wrong_lines(error, GivenSettings.label)) from None
