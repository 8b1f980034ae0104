"""What a manifest may say: the JSON schema that editors, the docs and `bisync.manifest.schema_check` share."""
