"""What people write in a manifest by the names they know, and what to write instead. Pure.

Stores have makers' names, and secrets lie in programs that have names; a manifest knows kinds of stores, and any
program that prints a secret. Only words of these tables are ever repeated: another one might be the secret itself.
"""

from __future__ import annotations

import re

_OWN = "https://HOST"
# By the makers' own documentation: the address of their S3, where REGION or ACCOUNT is to be filled in; rclone's name.
_S3 = {
    "minio": (_OWN, "Minio"),
    "garage": (_OWN, "Other"),
    "ceph": (_OWN, "Ceph"),
    "seaweedfs": (_OWN, "SeaweedFS"),
    "synology": (_OWN, "Synology"),
    "r2": ("https://ACCOUNT.r2.cloudflarestorage.com", "Cloudflare"),
    "b2": ("https://s3.REGION.backblazeb2.com", "Other"),
    "wasabi": ("https://s3.REGION.wasabisys.com", "Wasabi"),
    "digitalocean": ("https://REGION.digitaloceanspaces.com", "DigitalOcean"),
    "hetzner": ("https://REGION.your-objectstorage.com", "Hetzner"),
    "scaleway": ("https://s3.REGION.scw.cloud", "Scaleway"),
    "linode": ("https://REGION.linodeobjects.com", "Linode"),
    "ovh": ("https://s3.REGION.io.cloud.ovh.net", "OVHcloud"),
    "gcs": ("https://storage.googleapis.com", "GCS"),
    "storj": ("https://gateway.storjshare.io", "Storj"),
    "tigris": ("https://fly.storage.tigris.dev", "Other"),
    "idrive": (_OWN, "IDrive"),
    "other": (_OWN, "Other"),
}
_ALSO = {
    "cloudflare": "r2", "cloudflarer2": "r2", "backblaze": "b2", "backblazeb2": "b2", "spaces": "digitalocean",
    "ovhcloud": "ovh", "google": "gcs", "googlecloud": "gcs", "googlecloudstorage": "gcs", "akamai": "linode",
    "s3compatible": "other", "s3other": "other", "objectstorage": "other", "idrivee2": "idrive", "e2": "idrive",
}  # fmt: skip
_AWS = frozenset({"aws", "amazon", "awss3", "amazons3"})
# What rclone calls the kind of remote that somebody means.
_RCLONE = {
    "webdav": "webdav", "dav": "webdav", "nextcloud": "webdav", "owncloud": "webdav", "sharepoint": "webdav",
    "dropbox": "dropbox", "drive": "drive", "googledrive": "drive", "gdrive": "drive", "onedrive": "onedrive",
    "sftp": "sftp", "ssh": "sftp", "scp": "sftp", "rsync": "sftp", "ftp": "ftp", "ftps": "ftp", "smb": "smb",
    "cifs": "smb", "samba": "smb", "box": "box", "pcloud": "pcloud", "mega": "mega", "koofr": "koofr",
    "protondrive": "protondrive", "proton": "protondrive", "icloud": "iclouddrive", "iclouddrive": "iclouddrive",
    "azure": "azureblob", "azureblob": "azureblob", "swift": "swift", "jottacloud": "jottacloud", "hdfs": "hdfs",
    "storagebox": "sftp", "crypt": "crypt", "encrypted": "crypt",
}  # fmt: skip
_FOLDER = frozenset({"local", "folder", "disk", "file", "directory", "dir", "usb"})


def store(word: str) -> str | None:
    """What to write for a `provider` that is a store's or a maker's name; None where the name is not known."""
    name = re.sub(r"[\s_.-]", "", word.lower())
    name = _ALSO.get(name, name)
    if name in _AWS:
        return "write provider: s3, with region: REGION and no endpoint"
    if name in _S3:
        endpoint, kind = _S3[name]
        return f"write provider: s3, with endpoint: {endpoint} and s3_provider: {kind}"
    if name in _RCLONE:
        return f'write provider: rclone, with remote: "NAME:PATH", where rclone config has made NAME ({_RCLONE[name]})'
    if name in _FOLDER:
        return "write provider: embedded, with storage: FOLDER"
    return None


_KEYRING = (
    "{command: [keyring, get, SERVICE, NAME]}, or [secret-tool, lookup, service, SERVICE],"
    " or on a Mac [security, find-generic-password, -ws, SERVICE]"
)
_COMMANDS = {
    "keyring": _KEYRING,
    "keychain": "{command: [security, find-generic-password, -ws, SERVICE]}",
    "libsecret": "{command: [secret-tool, lookup, service, SERVICE]}",
    "pass": "{command: [pass, show, NAME]}",
    "gopass": "{command: [gopass, show, -o, NAME]}",
    "op": '{command: [op, read, "op://VAULT/ITEM/FIELD"]}',
    "bw": "{command: [bw, get, password, NAME]}",
    "sops": "{command: [sops, decrypt, --extract, '[\"NAME\"]', FILE]}",
    "age": "{command: [age, --decrypt, --identity, KEYFILE, FILE]}",
    "vault": "{command: [vault, kv, get, -field=NAME, PATH]}",
    "shell": "{command: [program, argument]}",
    "environment": "{env: NAME}",
    "path": "{file: PATH}",
}
_COMMANDS_ALSO = {
    "secretservice": "keyring", "keepass": "keyring", "kwallet": "keyring", "secrettool": "libsecret",
    "security": "keychain", "passwordstore": "pass", "1password": "op", "onepassword": "op", "bitwarden": "bw",
    "cmd": "shell", "exec": "shell", "run": "shell", "script": "shell", "program": "shell", "envvar": "environment",
    "variable": "environment", "var": "environment", "filename": "path", "fromfile": "path",
}  # fmt: skip


def secret_source(word: str) -> str | None:
    """What to write for a secret that lies where `word` says; None where the word is not known."""
    name = re.sub(r"[\s_.-]", "", word.lower())
    return _COMMANDS.get(_COMMANDS_ALSO.get(name, name))
