"""Where objects live: the versioned store with its event log, and the journal that lets it survive."""
