"""How one instance of the platform stands in a Dagster deployment: its asset keys, names, partitions and what is on.

Two instances with two prefixes share no key, job, schedule, sensor, resource or partition. Everything that Dagster is
given or asked by name goes through here; refresh, reports and checks speak of datasets by the names of their tables.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import dagster as dg
from dagster._core.definitions.data_version import INPUT_DATA_VERSION_TAG_PREFIX, INPUT_EVENT_POINTER_TAG_PREFIX
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from sequel_assets.orchestration.partitions import COMPANY
from sequel_assets.orchestration.reporting.specs import spec_of
from sequel_assets.refresh.core.datasets import CATALOG, SLICED, SUBSCRIPTIONS
from sequel_assets.warehouse.tables.dataset import Dataset

DATASETS: tuple[Dataset, ...] = (*CATALOG, SUBSCRIPTIONS, *SLICED)
"""Every dataset that is an asset."""
KEYS_IN_TAGS = (f"{INPUT_DATA_VERSION_TAG_PREFIX}/", f"{INPUT_EVENT_POINTER_TAG_PREFIX}/")
"""Tags of a materialization that end with the key of another asset."""
SLICES, HOUR, CATALOG_JOB_NAME, CHECKS = "refresh_slices", "refresh_hour", "refresh_catalog", "run_checks"
RECONCILIATION, HOUSEKEEPING, SUBSCRIBING = "reconciliation", "housekeeping", "keep_subscriptions"
AFTER_WEBHOOKS = "refresh_after_webhooks"
JOBS = (SLICES, HOUR, CATALOG_JOB_NAME, CHECKS, RECONCILIATION, HOUSEKEEPING, SUBSCRIBING, AFTER_WEBHOOKS)
BY_HAND = "__ASSET_JOB"
"""How the names of Dagster's own jobs begin that materialize what somebody chose in the UI."""


def is_by_hand(run: dg.DagsterRun) -> bool:
    """Say whether a run is of assets that somebody chose in the UI."""
    return run.job_name.startswith(BY_HAND)


def untranslated(spec: dg.AssetSpec, _: Dataset) -> dg.AssetSpec:
    """Return the asset of a dataset as its declaration makes it."""
    return spec


@dataclass(frozen=True)
class Namespace:
    """The names of one instance, which has Dagster for itself unless they are given."""

    prefix: str = ""
    """Before the names of jobs, ops, schedules, sensors and resources."""
    partitions_name: str = COMPANY
    """The dynamic partitions of the companies, which Dagster keeps for the whole deployment."""
    translate: Callable[[dg.AssetSpec, Dataset], dg.AssetSpec] = untranslated
    """Makes an asset of this instance from that of a dataset: another key, group, owner."""
    schedules_on: bool = True
    """Whether schedules run without being started."""
    sensors_on: bool = True

    def name(self, text: str) -> str:
        """Return the name of a job, op, schedule, sensor or resource."""
        return f"{self.prefix}_{text}" if self.prefix else text

    @cached_property
    def specs(self) -> Mapping[str, dg.AssetSpec]:
        """The asset of each dataset; what depends on a dataset depends on its key here."""
        plain = {dataset.name: spec_of(dataset) for dataset in DATASETS}
        translated = {dataset.name: self.translate(plain[dataset.name], dataset) for dataset in DATASETS}
        moved = {plain[name].key: spec.key for name, spec in translated.items()}
        if len(set(moved.values())) < len(moved):
            raise dg.DagsterInvalidDefinitionError("two datasets were given the same asset key; their keys must differ")

        def placed(spec: dg.AssetSpec) -> dg.AssetSpec:
            keys = [moved.get(dep.asset_key, dep.asset_key) for dep in spec.deps]
            return spec if keys == [dep.asset_key for dep in spec.deps] else spec.replace_attributes(deps=keys)

        return {name: placed(spec) for name, spec in translated.items()}

    def spec(self, dataset: Dataset, partitions: dg.PartitionsDefinition[str] | None = None) -> dg.AssetSpec:
        """Return the asset of a dataset; one that is partitioned is skippable, for its slices report themselves."""
        spec = self.specs[dataset.name]
        return spec.replace_attributes(partitions_def=partitions, skippable=True) if partitions else spec

    def key(self, dataset: str) -> dg.AssetKey:
        """Return the key of a dataset's asset."""
        return self.specs[dataset].key

    def keys(self, datasets: Iterable[str]) -> list[dg.AssetKey]:
        """Return the keys of datasets."""
        return [self.key(name) for name in datasets]

    @cached_property
    def dataset_of(self) -> Mapping[dg.AssetKey, str]:
        """The dataset of each key."""
        return {spec.key: name for name, spec in self.specs.items()}

    def datasets(self, keys: Iterable[dg.AssetKey]) -> set[str]:
        """Return the datasets of keys; other assets are left out."""
        return {self.dataset_of[key] for key in keys if key in self.dataset_of}

    def event(self, materialization: dg.AssetMaterialization) -> dg.AssetMaterialization:
        """Return a materialization that speaks of datasets, by the keys of this instance."""
        tags = {self._tag(tag): value for tag, value in (materialization.tags or {}).items()}
        name = materialization.asset_key.to_user_string()
        return materialization._replace(asset_key=self.key(name), tags=tags)

    def _tag(self, tag: str) -> str:
        start = next((start for start in KEYS_IN_TAGS if tag.startswith(start)), None)
        name = tag.removeprefix(start or "")
        return f"{start}{self.key(name).to_user_string()}" if start and name in self.specs else tag

    @property
    def platform(self) -> str:
        """The name of the resource that opens warehouse and client."""
        return self.name("platform")

    @property
    def observer(self) -> str:
        """The name of the resource that receives each outcome."""
        return self.name("observer")

    @property
    def companies(self) -> dg.DynamicPartitionsDefinition:
        """The partitions of the companies."""
        return dg.DynamicPartitionsDefinition(name=self.partitions_name)

    def is_ours(self, run: dg.DagsterRun) -> bool:
        """Say whether a run is of this instance: of one of its jobs, or of assets of which one is its own."""
        if is_by_hand(run):
            return run.asset_selection is None or not run.asset_selection.isdisjoint(self.dataset_of)
        return not self.prefix or run.job_name in map(self.name, JOBS)

    def watches(self, check: dg.AssetCheckKey) -> bool:
        """Say whether a check is of this instance; one that has Dagster for itself watches all that there are."""
        return not self.prefix or check.asset_key in self.dataset_of

    def schedule_status(self) -> dg.DefaultScheduleStatus:
        """Return whether a schedule runs without being started."""
        return dg.DefaultScheduleStatus.RUNNING if self.schedules_on else dg.DefaultScheduleStatus.STOPPED

    def sensor_status(self, *, is_set_up: bool = True) -> dg.DefaultSensorStatus:
        """Return whether a sensor runs without being started; one that nothing is set up for does not."""
        return dg.DefaultSensorStatus.RUNNING if self.sensors_on and is_set_up else dg.DefaultSensorStatus.STOPPED

    def asset_job(
        self, name: str, datasets: Sequence[str], description: str, tags: Mapping[str, str] | None = None
    ) -> UnresolvedAssetJobDefinition:
        """Return a job over datasets, in one process: an op starts none of its own."""
        return dg.define_asset_job(
            self.name(name),
            selection=dg.AssetSelection.assets(*self.keys(datasets)).without_checks(),
            description=description,
            tags=tags,
            executor_def=dg.in_process_executor,
        )


ALONE = Namespace()
"""The instance that has Dagster for itself: `definitions.py` and the commands."""
