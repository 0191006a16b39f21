"""Who may do what on the embedded server."""
