"""The engine of the embedded server: decoding, patches, defaults, validation, apply, tables."""
