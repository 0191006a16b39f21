"""Create, read, update, delete and watch through the whole server."""
