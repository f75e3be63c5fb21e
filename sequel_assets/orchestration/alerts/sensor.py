"""The sensor that sends alerts: once when something is red, and once when it is well. `decisions` says which."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord as CheckRecord
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as CheckStatus

from sequel_assets import settings
from sequel_assets.orchestration.alerts import decisions
from sequel_assets.orchestration.alerts.decisions import IncidentKey, Message, Observation
from sequel_assets.orchestration.namespace import ALONE, Namespace
from sequel_assets.orchestration.resources import in_one_line
from sequel_assets.settings import alert_addresses
from sequel_assets.settings.alert_addresses import AddressPosition

LOOKED_BACK = 25
"""Executions in a row that are read to find when an incident began."""
SEND_SECONDS = 20.0
"""How long one message may take, and after how long no other is begun in the same tick; Dagster gives a tick 60."""
_FINISHED_CHECK = {CheckStatus.SUCCEEDED, CheckStatus.FAILED}
_FINISHED_RUN = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def alerts_sensor(
    clock: Callable[[], float] = time.time,
    load: Callable[[], settings.Settings] = settings.load,
    space: Namespace = ALONE,
) -> dg.SensorDefinition:
    """Return the sensor `alerts`; its cursor holds the open incidents.

    It looks at the checks and runs of this instance alone. The clock is the machine's own, like that of the runs' times,
    even where SEQUEL_NOW pins the platform's clock.
    """

    @dg.sensor(
        name=space.name("alerts"),
        minimum_interval_seconds=60,
        default_status=space.sensor_status(),
        description="Reports each failed check and run to SEQUEL_ALERT_URLS once, and once more when it is well",
    )
    @in_one_line()
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.SensorResult:
        try:
            urls = load().alert_urls
        except settings.SettingsError as error:
            return dg.SkipReason(str(error))
        if urls is None:
            return dg.SkipReason("no alerts are sent: SEQUEL_ALERT_URLS is not set")
        places = alert_addresses.parse_addresses(alert_addresses.split(urls.get_secret_value()))
        try:
            return _tick(context, places, clock(), space)
        except Exception as error:  # noqa: BLE001 - nobody would be alerted to a sensor that fails
            context.log.warning("the alerts of this tick are put off to the next: %s", type(error).__name__)
            return dg.SkipReason(f"put off to the next tick: {type(error).__name__}")

    return alerts


def _tick(
    context: dg.SensorEvaluationContext, places: Sequence[AddressPosition], now: float, space: Namespace
) -> dg.SensorResult:
    repository = context.repository_def
    if repository is None:
        raise LookupError("a sensor without its repository")
    standing = observations(
        context.instance,
        sorted((key for key in repository.asset_graph.asset_check_keys if space.watches(key)), key=str),
        sorted(job.name for job in repository.get_all_jobs()),
        space.is_ours,
    )
    messages, memory = decisions.decide(standing, decisions.from_cursor(context.cursor, now), now)
    put_off = 0
    until = time.monotonic() + SEND_SECONDS
    for message in messages:
        if time.monotonic() < until and deliver(places, message, context.log.warning):
            memory = decisions.sent(memory, message)
        else:
            put_off += 1
    red = sum(observation.is_red for observation in standing)
    said = f"{red} red; {len(messages) - put_off} messages sent, {put_off} put off to the next tick"
    return dg.SensorResult(skip_reason=said, cursor=decisions.to_cursor(memory))


def deliver(places: Sequence[AddressPosition], message: Message, warn: Callable[[str], object]) -> bool:
    """Send a message to all addresses at once; return whether any received it. Others are logged by their number."""
    from apprise import NotifyFormat, NotifyType

    kind = NotifyType.SUCCESS if not message.is_red else NotifyType.FAILURE
    if message.is_red and message.severity != "ERROR":
        kind = NotifyType.WARNING

    def send(place: AddressPosition) -> bool:
        if place.channel is None:
            return False
        return bool(
            place.channel.notify(
                title=message.title, body=message.body, notify_type=kind, body_format=NotifyFormat.TEXT
            )
        )

    with alert_addresses.without_library_logs():
        pool = ThreadPoolExecutor(len(places), "alerts")
        sending = {pool.submit(send, place): place for place in places}
        done, _ = wait(sending, SEND_SECONDS)
        pool.shutdown(wait=False, cancel_futures=True)
    have = [place for future, place in sending.items() if future in done and not future.exception() and future.result()]
    if len(have) < len(places):
        lost = ", ".join(str(place) for place in places if place not in have)[:200]
        warn(f"an alert did not arrive at {lost}")
    return bool(have)


def observations(
    instance: dg.DagsterInstance,
    checks: Sequence[dg.AssetCheckKey],
    jobs: Iterable[str],
    is_ours: Callable[[dg.DagsterRun], bool] = lambda _: True,
) -> list[Observation]:
    """Return the latest finished execution of each check and job that has one."""
    log = instance.event_log_storage
    latest = log.get_latest_asset_check_execution_by_key(checks) if checks else {}
    found = []
    for key in checks:
        record = latest.get(key)
        if record is None or record.status is CheckStatus.SUCCEEDED:
            executions: Sequence[CheckRecord] = [record] if record else []
        else:  # red, or under way
            executions = log.get_asset_check_execution_history(key, LOOKED_BACK, status=_FINISHED_CHECK)
        if executions:
            found.append(_of_check(key, executions))
    for job in jobs:
        records = instance.get_run_records(
            dg.RunsFilter(job_name=job, statuses=_FINISHED_RUN), limit=LOOKED_BACK, order_by="end_time"
        )
        ours = [record for record in records if is_ours(record.dagster_run)]
        counted = [record for record in ours if record.dagster_run.tags.get("dagster/will_retry") != "true"]
        if counted:
            found.append(_of_job(instance, job, counted))
    return found


def _of_check(key: dg.AssetCheckKey, executions: Sequence[CheckRecord]) -> Observation:
    red = _red_in_a_row([execution.status is CheckStatus.FAILED for execution in executions])
    times = [execution.event.timestamp if execution.event else execution.create_timestamp for execution in executions]
    identity = IncidentKey("check", key.asset_key.to_user_string(), key.name)
    evaluation = executions[0].evaluation
    if not red or evaluation is None:
        return Observation(identity, bool(red), times[0], times[max(red - 1, 0)])
    severity = evaluation.severity.value
    return Observation(identity, True, times[0], times[red - 1], severity, evaluation.description or "")


def _of_job(instance: dg.DagsterInstance, job: str, records: Sequence[dg.RunRecord]) -> Observation:
    red = _red_in_a_row([record.dagster_run.status is dg.DagsterRunStatus.FAILURE for record in records])
    times = [record.end_time or record.create_timestamp.timestamp() for record in records]
    identity = IncidentKey("job", job)
    if not red:
        return Observation(identity, False, times[0], times[0])
    run_id = records[0].dagster_run.run_id
    text = f"Run {run_id[:8]}: {failure_text(instance, run_id)}"
    return Observation(identity, True, times[0], times[red - 1], "ERROR", text)


def _red_in_a_row(red: Sequence[bool]) -> int:
    return next((number for number, is_red in enumerate(red) if not is_red), len(red))


def failure_text(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return why a run failed: the text of our own failures.

    Of other errors only the name, since their text may be private.
    """
    failures = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=3).records
    lines = []
    for record in failures:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            lines.append(data.user_failure_data.description)
        else:
            error = (data.error.cause or data.error) if data.error else None
            lines.append(f"{event.step_key}: {error.cls_name if error else 'failed'}; the run's log has the rest")
    return "\n".join(lines) or "it ended before its work did; the run's log has the rest"


def try_out() -> int:
    """Send one message to every address, print which accepted it, and return how many did not."""
    urls = settings.load().alert_urls
    text = urls.get_secret_value() if urls else ""
    message = Message("Sequel: a trial", "If you read this, alerts arrive here.", False, "", ())
    refused = 0
    for place in alert_addresses.parse_addresses(alert_addresses.split(text)):
        took = deliver([place], message, lambda _: None)
        refused += not took
        print(f"{place}: {'took it' if took else 'did not take it'}")  # noqa: T201 - a command
    if not text:
        print("SEQUEL_ALERT_URLS is not set")  # noqa: T201 - a command
    return refused


if __name__ == "__main__":
    try:
        raise SystemExit(min(try_out(), 1))
    except settings.SettingsError as error:
        raise SystemExit(str(error)) from None
