"""Time stamps and traces."""
