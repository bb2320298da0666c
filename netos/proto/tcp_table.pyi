COUNTERS: tuple[str, ...]
