"""Elements that own a device: the graph's way to the world."""
