"""HOW A DIVISION CHANGES: drafts, proposals, review and publication."""
