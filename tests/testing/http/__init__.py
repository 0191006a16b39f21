"""The wire of the embedded server."""
