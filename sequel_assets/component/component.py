"""`SequelComponent`: the platform in anybody's Dagster project, as YAML or Python; `definitions.py` is one too.

Nothing is read before its definitions are built. Instances take their names from their key prefix, so that they share
no asset key, job, resource or partition; two that would, or that have one warehouse, are refused.
"""

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
import sqlalchemy as sa
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver
from pydantic import Field, field_validator

from sequel_assets import settings
from sequel_assets.component.instance import instance_definitions
from sequel_assets.component.scaffolder import SequelScaffolder
from sequel_assets.component.workspace import resolve_workspace, workspace_model
from sequel_assets.orchestration.assets.slices import refresh_slices
from sequel_assets.orchestration.namespace import Namespace
from sequel_assets.orchestration.partitions import COMPANY
from sequel_assets.orchestration.resources import Observer, Platform
from sequel_assets.orchestration.schedules.hour_job import refresh_due
from sequel_assets.settings import Settings
from sequel_assets.warehouse.tables.dataset import Dataset, Subject

DEFAULT_PORT = 5432
"""Of PostgreSQL."""


@dg.scaffold_with(SequelScaffolder)
class SequelComponent(dg.Component, dg.Model, dg.Resolvable):
    """Sequel's analytics as assets, partitioned by company and day, with their checks, jobs, schedules and sensors.

    docs/in-your-dagster-project.md shows its use. Subclass it to change an asset (`get_asset_spec`) or to do something
    around each refresh (`execute`).
    """

    workspace: Annotated[Any, dg.Resolver(resolve_workspace, model_field_type=workspace_model())] = Field(
        None,
        description="account, warehouse and days: each setting of docs/settings.md in small letters without SEQUEL_; "
        "where it is left out, the settings of the environment and .env",
    )
    key_prefix: str | list[str] = Field(
        [], description="before each asset key, and in the names of jobs, schedules, sensors, resources and partitions"
    )
    partitions_name: str | None = Field(
        None, description="name of the dynamic partitions of the companies; default: company, after the key prefix"
    )
    group_names: dict[str, str] = Field(
        {}, description="other groups than catalog, usage, audience, event_details, interaction, networking, platform"
    )
    translation: (
        Annotated[TranslationFn[Dataset], TranslationFnResolver[Dataset](lambda dataset: {"dataset": dataset})] | None
    ) = Field(None, description="attributes of each asset; `dataset` and `spec` may be used in templates")
    schedules: bool = Field(True, description="whether schedules run without being started in Dagster")
    sensors: bool = Field(True, description="whether sensors run without being started in Dagster")
    housekeeping: bool = Field(
        False,
        description="a daily job that deletes old runs of the whole deployment that nothing shown depends on; only for "
        "a Dagster that holds nothing else",
    )

    @field_validator("workspace")
    @classmethod
    def _is_settings(cls, value: object) -> object:
        if value is not None and not isinstance(value, Settings):
            raise ValueError("in Python it is sequel_assets.settings.given.given({...})")
        return value

    @field_validator("group_names")
    @classmethod
    def _groups_are_known(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - set(Subject))
        if unknown:
            raise ValueError(f"there is no group {', '.join(unknown)}; known are {', '.join(Subject)}")
        return value

    @cached_property
    def namespace(self) -> Namespace:
        """The names of this instance."""
        name = re.sub(r"\W+", "_", "_".join(self._prefix), flags=re.ASCII)
        default = f"{name}_{COMPANY}" if name else COMPANY
        return Namespace(name, self.partitions_name or default, self.get_asset_spec, self.schedules, self.sensors)

    @property
    def _prefix(self) -> list[str]:
        return self.key_prefix.split("/") if isinstance(self.key_prefix, str) else list(self.key_prefix)

    def load_settings(self) -> Settings:
        """Return the settings of this instance."""
        given: Settings | None = self.workspace
        return settings.load() if given is None else given

    def get_asset_spec(self, spec: dg.AssetSpec, dataset: Dataset) -> dg.AssetSpec:
        """Return the asset of a dataset; override it to change keys, groups, owners or tags of all of them."""
        group = self.group_names.get(dataset.subject, spec.group_name)
        prefixed = spec.replace_attributes(key=spec.key.with_prefix(self._prefix), group_name=group)
        return self.translation(prefixed, dataset) if self.translation else prefixed

    def execute(
        self, context: dg.AssetExecutionContext | dg.OpExecutionContext, platform: Platform, observer: Observer
    ) -> Iterator[Any]:
        """Refresh the slices of a run; override it to do something before or after, or to pass other resources on.

        A run over partitions has an `AssetExecutionContext`, a run of the hour has an `OpExecutionContext`.
        """
        refresh = refresh_slices if isinstance(context, dg.AssetExecutionContext) else refresh_due
        yield from refresh(context, platform, observer, self.namespace)  # type: ignore[arg-type]

    def definitions(self) -> dg.Definitions:
        """Return everything that this instance brings into Dagster."""
        return instance_definitions(
            self.load_settings, self.namespace, self.execute, with_housekeeping=self.housekeeping
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions, unless another Sequel component of the project has the same names or warehouse."""
        refuse_shared(
            self, [one for one in context.component_tree.get_all_components(SequelComponent) if one is not self]
        )
        return self.definitions()


def refuse_shared(mine: SequelComponent, others: list[SequelComponent]) -> None:
    """Refuse an instance that shares names, partitions or a warehouse with another."""
    shared: dict[str, Callable[[SequelComponent], object]] = {
        "key_prefix": lambda one: one.namespace.prefix,
        "partitions_name": lambda one: one.namespace.partitions_name,
        "workspace.warehouse_url": lambda one: place_of(one.load_settings().warehouse_url),
    }
    for name, of in shared.items():
        if any(of(mine) == of(other) for other in others):
            raise dg.DagsterInvalidDefinitionError(
                f"two Sequel components have the same {name}; give each its own: they would share keys, partitions or "
                "rows (docs/in-your-dagster-project.md)"
            )


def place_of(url: str) -> object:
    """Return what identifies a warehouse, whoever signs in and however its file is named; a wrong URL is itself."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return url
    if parsed.get_backend_name() == "sqlite":
        return Path(parsed.database or "").resolve()
    return parsed.host, parsed.port or DEFAULT_PORT, parsed.database, parsed.query
