"""Encrypts stored secrets with keys from the settings, which are never in the database.

Fernet (AES-128-CBC with HMAC-SHA-256): whoever has only the database can neither read nor change a secret. With several
keys the first one encrypts and each of them decrypts; `rotated` re-encrypts a token with the first.
"""

from collections.abc import Iterable, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

HOW_TO_MAKE_A_KEY = "openssl rand -base64 32 | tr '+/' '-_'"


class SealError(Exception):
    """A secret cannot be decrypted with the given keys, or a key is malformed; one line, without either."""


class Seal:
    """Encrypts and decrypts short texts. `SealError` for a malformed key, or no key at all."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SealError(f"no key is given; make one: {HOW_TO_MAKE_A_KEY}")
        self._fernet = MultiFernet([_fernet(number, key) for number, key in enumerate(keys, 1)])

    def seal(self, text: str) -> str:
        """Return the text, encrypted with the first key: another token each time."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, token: str) -> str:
        """Return what was sealed; `SealError` where none of the keys opens it."""
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            raise SealError(_CLOSED) from None

    def opens_any(self, tokens: Iterable[str]) -> bool:
        """Say whether one of them at least can be read."""
        return any(self._opens(token) for token in tokens)

    def _opens(self, token: str) -> bool:
        try:
            self._fernet.decrypt(token)
        except InvalidToken:
            return False
        return True

    def rotated(self, token: str) -> str:
        """Return a token of the same text, encrypted with the first key; `SealError` where none opens it."""
        try:
            return self._fernet.rotate(token).decode()
        except InvalidToken:
            raise SealError(_CLOSED) from None


_CLOSED = (
    "a stored webhook secret cannot be read: none of the keys in SEQUEL_WEBHOOK_SECRET_KEY opens it; "
    "nothing was changed; put the key that it was stored with back behind the new one, after a comma"
)


def _fernet(number: int, key: str) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        raise SealError(
            f"key {number} is not 32 bytes in URL-safe base64 (44 characters); make one: {HOW_TO_MAKE_A_KEY}"
        ) from None


def split(keys: str) -> list[str]:
    """Return the keys of a comma-separated text."""
    return [key.strip() for key in keys.split(",") if key.strip()]
