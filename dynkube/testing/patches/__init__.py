"""Five ways to change an object: JSON, merge and strategic patches, server-side apply, and who owns which field."""
