from typing import TypedDict

class _Arena(TypedDict):
    small: int
    small_free: int
    large: int
    large_free: int
    descriptors: int
    descriptors_free: int
    base: int
    fd: int
    huge_pages: bool

arena_fd: int
arena_huge: bool

def configure(small: int | None = None, large: int | None = None) -> None: ...
def arena() -> _Arena: ...
def map_buffers(size: int) -> tuple[int, int, bool]: ...
