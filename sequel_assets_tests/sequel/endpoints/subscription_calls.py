"""The five calls about a subscription, and a Sequel that answers them as a test says."""

from datetime import UTC, datetime

from pydantic import SecretStr

from sequel_assets.sequel import (
    CreatedSubscription,
    SequelClient,
)

ENDED = "virtual-stage-event-ended"
CAPABILITY = "c4p4b1l1ty-nobody-guesses"
ENDPOINT = f"https://hooks.example.com/sequel/{CAPABILITY}"
KEY = "the-key-of-the-subscription"
EXPIRY = datetime(2026, 5, 3, 2, 40, tzinfo=UTC)
MADE = {"webHookSubscriptionId": "s 1", "clientSecret": KEY, "expiresOn": "2026-05-03T02:40:00.000Z"}
CREATED = CreatedSubscription(subscription_id="s 1", client_secret=SecretStr(KEY), expires_on=EXPIRY)


def create(client: SequelClient) -> object:
    return client.create_subscription(ENDED, "root", ENDPOINT)


def extend(client: SequelClient) -> object:
    return client.update_subscription("s 1", extend_by_days=90)


def delete(client: SequelClient) -> object:
    return client.delete_subscription("s 1")
