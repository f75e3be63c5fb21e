"""The settings of the webhooks: `Settings` inherits them."""

from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from sequel_assets.warehouse.stores import sealing

DEMANDS = ("key", "timestamp", "company")
"""What a delivery may be demanded to carry."""


def _public_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in ("127.0.0.1", "localhost", "::1")):
        raise ValueError("it must begin with https://; http:// is for this machine alone")
    if url.username is not None or url.password is not None:
        raise ValueError("it must not hold a user or password: whoever delivers would be told it")
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
    """How webhooks reach the receiver and what it lets in."""

    webhook_url: Annotated[str, AfterValidator(_public_url)] | None = Field(
        None,
        description="https address that the receiver of webhooks is reached by from outside, without the secret last part; subscriptions "
        "are made with it, and the receiver answers its path",
        examples=["https://hooks.example.com/sequel"],
    )
    webhook_secret_key: SecretStr | None = Field(
        None,
        description="key that the webhooks' secrets are encrypted with in the warehouse (Fernet); several, apart by commas, while "
        f"it is being changed: the first encrypts, each decrypts. To make one: {sealing.HOW_TO_MAKE_A_KEY}",
        examples=["(44 characters)"],
    )
    webhook_companies: str = Field(
        "",
        description="companies beneath yours that get webhook subscriptions of their own, apart by commas: ids or partition keys; only "
        "for those whose deliveries prove not to come (`sequel-assets webhooks status` says which)",
        examples=["acme-events.3f9a1c07"],
    )
    webhook_length_days: int = Field(
        90,
        ge=2,
        le=365,
        description="days that a subscription is made, extended and renewed for; with less than a third of them left it is extended",
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
        description="what every delivery must carry, apart by commas: key (the header), timestamp, company; one that is left "
        "out here may be missing, but what is there must be right (a key that is not demanded is not looked at)",
        examples=["key,timestamp,company"],
    )
    webhook_window_hours: float = Field(
        72, gt=0, le=24 * 90, description="how far a delivery's time stamp may be from now, in hours", examples=["72"]
    )
    webhook_signing_secrets: SecretStr | None = Field(
        None,
        description="secrets (whsec_...) of a proxy of yours in front that signs deliveries by Standard Webhooks, apart by commas; "
        "where set, what is not signed is refused",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    webhook_body_bytes: int = Field(
        1 << 20, ge=1 << 10, le=1 << 30, description="longest body of a delivery, in bytes", examples=["1048576"]
    )
    webhook_ended_body_bytes: int = Field(
        32 << 20,
        ge=1 << 10,
        le=1 << 30,
        description="longest body of an *ended* delivery, in bytes: it may list everybody who attended",
        examples=["33554432"],
    )
    webhook_read_seconds: float = Field(
        15,
        gt=0,
        le=600,
        description="longest time that a delivery may take to arrive, headers and body each",
        examples=["15"],
    )
    webhook_concurrency: int = Field(
        256,
        ge=1,
        le=10_000,
        description="deliveries under way at once; one more is answered with 500",
        examples=["256"],
    )
    webhook_keep_days: int = Field(
        90, ge=1, le=3650, description="days that a handled hint is kept in the inbox", examples=["90"]
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
        from standardwebhooks import Webhook  # only owners who sign need it

        secrets = sealing.split(value.get_secret_value()) if value is not None else []
        for number, secret in enumerate(secrets, 1):
            try:
                Webhook(secret)
            except Exception:  # noqa: BLE001 - whatever it says may quote the secret
                raise ValueError(f"secret {number} is not whsec_ and base64") from None
        return value if secrets else None

    def demands(self) -> frozenset[str]:
        """Return what every delivery must carry."""
        return frozenset(_comma_separated(self.webhook_demands))

    def subscribed_companies(self) -> list[str]:
        """Return the companies that get subscriptions of their own, as they are named in the setting."""
        return _comma_separated(self.webhook_companies)

    def receiver_path(self) -> str:
        """Return the path that the receiver answers, without the capability: the public address's, as servers decode it."""
        return unquote(urlsplit(self.webhook_url or "").path)

    def seal(self) -> sealing.Seal | None:
        """Return the seal of the stored secrets; None where no key is set."""
        return (
            sealing.Seal(sealing.split(self.webhook_secret_key.get_secret_value())) if self.webhook_secret_key else None
        )

    def signing_secrets(self) -> tuple[str, ...]:
        """Return the secrets of the signing proxy in front; none where there is no such proxy."""
        secrets = self.webhook_signing_secrets
        return tuple(sealing.split(secrets.get_secret_value())) if secrets else ()
