"""Elements that are a host: its protocol stack in a graph."""
