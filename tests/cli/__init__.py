"""The `dynkube` command."""
