"""The settings of webhooks: the subscriptions, the receiver, and the secrets of both. `Settings` inherits them."""

from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from sequel_assets.warehouse.stores import sealing

DEMANDS = ("key", "timestamp", "company")
"""What the receiver can require of a delivery."""


def _public_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in ("127.0.0.1", "localhost", "::1")):
        raise ValueError("it must begin with https://; http:// is for this machine alone")
    if url.username is not None or url.password is not None:
        raise ValueError("it must not hold a user or password: it is sent to whoever delivers")
    if not url.hostname or url.query or url.fragment or set(value) & set("{} "):
        raise ValueError("it must be a host and a path, without ?, #, {, } and blanks")
    return value.rstrip("/")


def _demands(value: str) -> str:
    unknown = sorted(set(_comma_separated(value)) - set(DEMANDS))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} cannot be demanded, only {', '.join(DEMANDS)}")
    return value


def _comma_separated(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


class WebhookSettings(BaseSettings):
    """How webhooks reach the receiver and which deliveries it accepts."""

    webhook_url: Annotated[str, AfterValidator(_public_url)] | None = Field(
        None,
        description="public https address of the receiver of webhooks, without the secret last part; subscriptions are "
        "created with it, and the receiver answers its path",
        examples=["https://hooks.example.com/sequel"],
    )
    webhook_secret_key: SecretStr | None = Field(
        None,
        description="key that encrypts the webhooks' secrets in the warehouse (Fernet); several, separated by commas, "
        f"during a rotation: the first encrypts, each decrypts. To make one: {sealing.HOW_TO_MAKE_A_KEY}",
        examples=["(44 characters)"],
    )
    webhook_companies: str = Field(
        "",
        description="sub-companies that get webhook subscriptions of their own, separated by commas: ids or partition "
        "keys; "
        "only for those whose deliveries do not arrive (`sequel-assets webhooks status` lists them)",
        examples=["acme-events.3f9a1c07"],
    )
    webhook_length_days: int = Field(
        90,
        ge=2,
        le=365,
        description="days that a subscription is created, extended and renewed for; it is extended in its last third",
        examples=["90"],
    )
    webhook_key_header: str = Field(
        "x-introvoke-web-hook-auth",
        pattern=r"^[A-Za-z0-9-]{1,100}$",
        description="header of a delivery that carries the subscription's key",
        examples=["x-introvoke-web-hook-auth"],
    )
    webhook_demands: Annotated[str, AfterValidator(_demands)] = Field(
        ",".join(DEMANDS),
        description="what every delivery must carry, separated by commas: key (the header), timestamp, company; one "
        "that is "
        "left out here may be missing, but must be right where it is present (except that the key is then ignored)",
        examples=["key,timestamp,company"],
    )
    webhook_window_hours: float = Field(
        72, gt=0, le=24 * 90, description="how far a delivery's timestamp may be from now, in hours", examples=["72"]
    )
    webhook_signing_secrets: SecretStr | None = Field(
        None,
        description="secrets (whsec_...) of your own proxy that signs deliveries by Standard Webhooks, separated by "
        "commas; "
        "where set, unsigned deliveries are refused",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    webhook_body_bytes: int = Field(
        1 << 20, ge=1 << 10, le=1 << 30, description="longest body of a delivery, in bytes", examples=["1048576"]
    )
    webhook_ended_body_bytes: int = Field(
        32 << 20,
        ge=1 << 10,
        le=1 << 30,
        description="longest body of an *ended* delivery, in bytes: it may list all attendees",
        examples=["33554432"],
    )
    webhook_read_seconds: float = Field(
        15,
        gt=0,
        le=600,
        description="longest time for a delivery to arrive, headers and body each",
        examples=["15"],
    )
    webhook_concurrency: int = Field(
        256,
        ge=1,
        le=10_000,
        description="concurrent deliveries; one more is answered with 500",
        examples=["256"],
    )
    webhook_keep_days: int = Field(
        90, ge=1, le=3650, description="days that a handled notification is kept in the inbox", examples=["90"]
    )

    @field_validator("webhook_secret_key")
    @classmethod
    def _keys_of_fernet(cls, value: SecretStr | None) -> SecretStr | None:
        keys = sealing.split(value.get_secret_value()) if value is not None else []
        try:
            return value if keys and sealing.Seal(keys) else None
        except sealing.SealError as error:
            raise ValueError(str(error)) from None

    @field_validator("webhook_signing_secrets")
    @classmethod
    def _secrets_of_standard_webhooks(cls, value: SecretStr | None) -> SecretStr | None:
        from standardwebhooks import Webhook  # imported only where deliveries are signed

        secrets = sealing.split(value.get_secret_value()) if value is not None else []
        for number, secret in enumerate(secrets, 1):
            try:
                Webhook(secret)
            except Exception:  # noqa: BLE001 - its message may quote the secret
                raise ValueError(f"secret {number} is not whsec_ and base64") from None
        return value if secrets else None

    def demands(self) -> frozenset[str]:
        """Return the parts that every delivery must carry."""
        return frozenset(_comma_separated(self.webhook_demands))

    def subscribed_companies(self) -> list[str]:
        """Return the companies with subscriptions of their own, as the setting names them."""
        return _comma_separated(self.webhook_companies)

    def receiver_path(self) -> str:
        """Return the path of the public address, decoded as servers do: the receiver's path without the capability."""
        return unquote(urlsplit(self.webhook_url or "").path)

    def seal(self) -> sealing.Seal | None:
        """Return what encrypts the stored secrets; None where no key is set."""
        return (
            sealing.Seal(sealing.split(self.webhook_secret_key.get_secret_value())) if self.webhook_secret_key else None
        )

    def signing_secrets(self) -> tuple[str, ...]:
        """Return the secrets of the signing proxy; none where there is no such proxy."""
        secrets = self.webhook_signing_secrets
        return tuple(sealing.split(secrets.get_secret_value())) if secrets else ()
