"""The versioned store and its journal."""
