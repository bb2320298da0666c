"""TCP and UDP headers."""
