"""`sequel-assets serve`: the receiver of webhooks in the foreground, until Ctrl-C or SIGTERM.

Wrong settings end the command before it listens: Sequel must never see a receiver that can accept nothing.
"""

import logging
import sys
import time
from datetime import timedelta

from sequel_assets.cli.support.terminal import UsageError, console
from sequel_assets.queries.existing_warehouse import stored
from sequel_assets.refresh.core import config
from sequel_assets.safety.visible import harmless
from sequel_assets.settings import Settings
from sequel_assets.warehouse.database.engine import Warehouse
from sequel_assets.warehouse.stores.receiver_subscriptions import sealed_secrets
from sequel_assets.webhooks.receiver.app import Receiver
from sequel_assets.webhooks.receiver.body import Bounds
from sequel_assets.webhooks.receiver.log import LOGGER
from sequel_assets.webhooks.receiver.server import CannotListenError, listen, server
from sequel_assets.webhooks.receiver.verify import VerificationRules

BUSY_SECONDS = 10
"""How long a delivery waits for the database before it is answered with 500; Sequel repeats such a delivery."""


def receiver_of(settings: Settings, warehouse: Warehouse) -> Receiver:
    """Return the receiver that the settings describe; a `SettingsError` names what is missing."""
    if "key" in settings.demands():
        settings.require("webhook_secret_key")
    rules = VerificationRules(
        key_header=settings.webhook_key_header,
        demands=settings.demands(),
        window=timedelta(hours=settings.webhook_window_hours),
        signing_secrets=settings.signing_secrets(),
    )
    bounds = Bounds(
        body_bytes=settings.webhook_body_bytes,
        ended_body_bytes=settings.webhook_ended_body_bytes,
        read_seconds=settings.webhook_read_seconds,
        concurrency=settings.webhook_concurrency,
    )
    return Receiver(warehouse, settings.seal(), rules, bounds, settings.clock)


def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serve the receiver until it is stopped."""
    with stored(settings, writes=True, root_only=True) as warehouse:  # refuse wrong settings before deliveries come
        _refuse_wrong_key(settings, warehouse)
    warehouse = Warehouse(
        settings.warehouse_url,
        is_durable=True,
        busy_seconds=BUSY_SECONDS,
        guard=config.guard(settings, root_only=True),
    )
    receiving = receiver_of(settings, warehouse)
    try:
        plug = listen(host, port)
    except CannotListenError as error:
        raise UsageError(str(error)) from None
    _log_to_stderr()
    path = settings.receiver_path()
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{plug.getsockname()[1]}"
    console().print(f"receiving webhooks at {address}{path}/..., health at {address}/health/ready")
    try:
        server(receiving.app(path), settings.webhook_read_seconds).run([plug])
    finally:
        receiving.close()
        warehouse.dispose()


def _refuse_wrong_key(settings: Settings, warehouse: Warehouse) -> None:
    """Refuse a key that decrypts none of the stored secrets; `webhooks status` names single ones that stay closed."""
    seal = settings.seal()
    if seal is None or "key" not in settings.demands():
        return
    secrets = warehouse.ask(sealed_secrets)
    if secrets and not seal.opens_any(secrets):
        raise UsageError(
            f"SEQUEL_WEBHOOK_SECRET_KEY: it decrypts none of the secrets of {len(secrets)} subscriptions, so every "
            "delivery would be answered with 500; nothing was changed; put the key that they were stored with behind "
            "it, after a comma, or, if that is lost, have them renewed: sequel-assets webhooks ensure"
        )


class SafeFormatter(logging.Formatter):
    """Formats a log record as one line without terminal controls, whatever the delivery contains."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with controls written as escapes."""
        return harmless(super().format(record))


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    formatter = SafeFormatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log = logging.getLogger(LOGGER)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
