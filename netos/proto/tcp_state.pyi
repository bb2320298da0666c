STATES: tuple[str, ...]
STEPS: tuple[str, ...]
TRANSITIONS: tuple[tuple[str, str, str], ...]

def diagram() -> str: ...
