"""Other people's Python clients against the embedded server; each is optional."""
