"""Where a lake is: a folder, or `s3://bucket/prefix`, opened through fsspec. It lists, reads and verifies; it writes nothing.

S3's address and credentials are those of the AWS SDKs: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and so on, or ~/.aws.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from sequel_assets.queries.lake.manifest import NAME, PATH, LakeError, LakeFile, Manifest, parse
from sequel_assets.safety.visible import visible

S3 = "s3://"
LOCK = ".export.lock"
"""A file beside the manifest that an export into a folder holds locked meanwhile."""
UNFINISHED = ".manifest.unfinished"
"""The next manifest of a folder while it is being written."""
MAX_MANIFEST_BYTES = 256 * 2**20
_PATIENCE = {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 2}}


class LakePlace:
    """A folder or a prefix in S3; opens nothing until it is asked."""

    def __init__(self, where: str) -> None:
        self.is_local = "://" not in where
        self.errors: tuple[type[Exception], ...] = (OSError,)
        if self.is_local:
            self.fs: Any = fsspec.filesystem("file", auto_mkdir=True, skip_instance_cache=True)
            self.root = str(Path(where).resolve())
        elif where.startswith(S3) and "@" not in where and where.removeprefix(S3).strip("/"):
            self.fs, self.root = self._s3(), where.removeprefix(S3).strip("/")
        else:
            raise LakeError(
                "a lake is in a folder or in s3://BUCKET/PREFIX, without user or password; nothing was written"
            )
        self.name = visible(where.rstrip("/") or "/", 1000)

    def _s3(self) -> Any:
        try:
            import s3fs
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise LakeError("s3:// needs s3fs: pip install 'sequel_assets[s3]'; nothing was written") from None
        self.errors = (OSError, BotoCoreError, ClientError)
        return s3fs.S3FileSystem(config_kwargs=_PATIENCE, use_listings_cache=False, skip_instance_cache=True)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn an error of the storage into one line."""
        try:
            yield
        except self.errors as error:
            why = getattr(error, "strerror", None) or str(error)
            raise LakeError(
                f"{self.name}: {visible(' '.join(why.split()))}; the lake is as it was; run the same command again when that is repaired"
            ) from None

    def path(self, path_in_lake: str) -> str:
        """Return the path of a file of the lake for its file system."""
        return f"{self.root}/{path_in_lake}"

    def listing(self) -> dict[str, int]:
        """Return the bytes of every file there, by its path within the lake's folder; none where there is no folder."""
        if self.is_local and Path(self.root).exists() and not Path(self.root).is_dir():
            raise LakeError(f"{self.name}: it is a file; give a folder for the lake")
        with self.explained():
            found = self.fs.find(self.root, detail=True)
        return {path[len(self.root) + 1 :]: int(info["size"] or 0) for path, info in found.items()}

    def manifest(self) -> tuple[Manifest, bytes] | None:
        """Return the manifest, parsed and to the letter; None where there is none."""
        path = self.path(NAME)
        with self.explained():
            try:
                size = self.fs.info(path)["size"]
                text = self.fs.cat_file(path, end=MAX_MANIFEST_BYTES) if size else b""
            except FileNotFoundError:
                return None
        if size > MAX_MANIFEST_BYTES:
            raise LakeError(f"{self.name}/{NAME}: it is larger than {MAX_MANIFEST_BYTES} bytes; nothing was changed")
        return parse(text, self.name), text

    def verified(self, file: LakeFile, folder: Path) -> Path:
        """Return a file of the lake on this machine, once its checksum was compared; from S3 it is copied to `folder`."""
        path = Path(self.path(file.path))
        if not self.is_local:
            path = folder / Path(file.path).name
            with self.explained():
                try:
                    self.fs.get_file(self.path(file.path), str(path))
                except FileNotFoundError:
                    raise self._not_as_written(file.path) from None
        try:
            with path.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
        except FileNotFoundError:
            raise self._not_as_written(file.path) from None
        if found != file.sha256:
            raise self._not_as_written(file.path)
        return path

    def _not_as_written(self, path: str) -> LakeError:
        return LakeError(
            f"{self.name}/{visible(path)}: it is gone or not as the export wrote it; if an export runs just now, ask again when it has "
            "ended, else delete the lake and export it again; the warehouse is not concerned"
        )

    def refuse_changes(self, manifest: Manifest | None, listing: dict[str, int]) -> None:
        """Refuse a lake with a file that no export wrote, or without one as the export wrote it; by sizes, nothing is read."""
        for path in listing:
            if path not in {NAME, LOCK, UNFINISHED} and PATH.fullmatch(path) is None:
                raise LakeError(
                    f"{self.name}/{visible(path)}: no export of a lake wrote this; nothing was changed; move it elsewhere, or export to "
                    "another folder"
                )
        for file in manifest.files if manifest else ():
            if listing.get(file.path) != file.bytes:
                raise self._not_as_written(file.path)


def required_manifest(place: LakePlace) -> Manifest:
    """Return the manifest of a lake that must be there."""
    found = place.manifest()
    if found is None:
        raise LakeError(
            f"{place.name}: there is no lake; make one: sequel-assets export --layout lake --all --out FOLDER"
        )
    return found[0]
