"""What a materialization says it was made from, so that Dagster marks nothing as "Unsynced" by its time alone.

Dagster compares times where a materialization says nothing: `events` is listed every hour, so every older slice would look
out of sync, although a refresh derives whatever depends on facts that changed (docs/architecture.md). Here each names its
inputs without a version of theirs that could differ. What is really behind is a problem and turns a check red.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)

from sequel_assets.orchestration.reporting.specs import lineage
from sequel_assets.refresh.core.datasets import CATALOG, SLICED, SUBSCRIPTIONS

STORED = dg.DataVersion("stored")
"""The one data version of an asset that has no day."""
CODE_VERSION = "sequel_assets"
"""Dagster reads inputs only of a materialization that has a code version; the assets themselves have none to compare."""


def materialization_of_list(name: str, **more: Any) -> dg.AssetMaterialization:
    """Return the event that an asset without a day was stored, with its inputs; `more` is its metadata or description."""
    return dg.AssetMaterialization(name, tags=provenance_tags(name), **more)


@cache
def provenance_tags(name: str) -> Mapping[str, str]:
    """Return the tags by which Dagster knows the inputs of an asset; those of an asset without a day have its version."""
    tags = {CODE_VERSION_TAG: CODE_VERSION}
    dataset = next(one for one in (*SLICED, *CATALOG, SUBSCRIPTIONS) if one.name == name)
    if dataset not in SLICED:
        tags[DATA_VERSION_TAG] = STORED.value
    for source in map(dg.AssetKey, lineage(dataset)):
        tags[get_input_data_version_tag(source)] = STORED.value
        tags[get_input_event_pointer_tag(source)] = NULL_EVENT_POINTER
    return tags
