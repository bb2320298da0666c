"""Memory for packets: one arena in one shareable mapping, cut into fixed pools of buffers and descriptors.

All buffers of the process lie in one memfd mapping, so that AF_XDP, a virtio ring or another process can use them
without a copy. Pools never grow: an empty pool is a dropped packet with a reason, not a slow machine.
"""

import os

from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, malloc

cdef extern from "<sys/mman.h>" nogil:
    enum: PROT_READ, PROT_WRITE, MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE, MADV_DONTFORK
    void *MAP_FAILED
    void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)
    int madvise(void *address, size_t length, int advice)

cdef extern from *:
    """
    #if defined(__x86_64__)
    #define netos_relax() __builtin_ia32_pause()
    #else
    #define netos_relax()
    #endif
    static inline void netos_lock(int *lock) {
        while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) { netos_relax(); }
    }
    static inline void netos_unlock(int *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }
    """
    void netos_lock(int *lock) noexcept nogil
    void netos_unlock(int *lock) noexcept nogil


cdef enum:
    HUGE_PAGE = 2 << 20
    F_ADD_SEALS = 1033
    F_SEAL_SHRINK = 2
    CHUNK = 64                  # items

cdef ArenaData the_arena
cdef object settings = None     # of the arena once it is made


cdef uint32_t chunk_stride(uint32_t chunks) noexcept nogil:
    """About 0.6 of `chunks`, with no divisor in common: its multiples are everywhere once before they are twice."""
    cdef uint32_t stride = chunks * 5 // 8 | 1
    cdef uint32_t a, b, rest
    while True:
        a, b = chunks, stride
        while b:
            rest = a % b
            a, b = b, rest
        if a == 1:
            return stride
        stride += 2


cdef uint32_t fresh_number(Pool *pool, uint32_t stride) noexcept nogil:
    """The next item that was never used: chunk after chunk, such as a virtual CPU takes, each far from the one before.

    A processor that walks through its own buffers fetches ahead, into those that follow: were they another's, both
    would wait for each other, and two virtual CPUs run at three quarters of their speed.
    """
    cdef uint32_t chunks = pool.capacity // CHUNK
    cdef uint32_t chunk = pool.fresh // CHUNK
    if chunk >= chunks:
        return pool.fresh
    return <uint32_t>(<uint64_t>chunk * stride % chunks) * CHUNK + pool.fresh % CHUNK


cdef uint32_t pool_take(Pool *pool, uint32_t wanted, uint8_t **items) noexcept nogil:
    """Take up to `wanted` items; return how many there were."""
    cdef uint32_t taken = 0, stride
    netos_lock(&pool.lock)
    while taken < wanted and pool.free_count:
        pool.free_count -= 1
        items[taken] = pool.base + <size_t>pool.free[pool.free_count] * pool.item_size
        taken += 1
    stride = chunk_stride(pool.capacity // CHUNK) if taken < wanted and pool.capacity >= CHUNK else 1
    while taken < wanted and pool.fresh < pool.capacity:
        items[taken] = pool.base + <size_t>fresh_number(pool, stride) * pool.item_size
        pool.fresh += 1
        taken += 1
    netos_unlock(&pool.lock)
    return taken


cdef void pool_give(Pool *pool, uint32_t count, uint8_t **items) noexcept nogil:
    """Give items back."""
    cdef uint32_t i
    netos_lock(&pool.lock)
    for i in range(count):
        pool.free[pool.free_count] = pool_number(pool, items[i])
        pool.free_count += 1
    netos_unlock(&pool.lock)


cdef int pool_make(Pool *pool, uint8_t *base, uint32_t item_size, uint32_t capacity) except -1:
    pool.base = base
    pool.item_size = item_size
    pool.capacity = capacity
    pool.free = <uint32_t *>malloc(capacity * sizeof(uint32_t))
    if pool.free == NULL:
        raise MemoryError("netos: no memory for the packet pools")
    return 0


def configure(small=None, large=None):
    """Set how many buffers of 2 KiB and of 68 KiB the process has; only before the first packet is made.

    Defaults: NETOS_SMALL_BUFFERS and NETOS_LARGE_BUFFERS of the environment, else 32 768 and 1 024. Memory is
    reserved, not touched: what was never used costs nothing.
    """
    global settings
    wanted = (small or int(os.environ.get("NETOS_SMALL_BUFFERS", 32768)),
              large or int(os.environ.get("NETOS_LARGE_BUFFERS", 1024)))
    if settings == wanted:
        return
    if settings is not None:
        raise RuntimeError(f"the packet arena is already made, with {settings[0]} small and {settings[1]} large "
                           "buffers: configure it before the first packet")
    if min(wanted) < 64 or max(wanted) > 1 << 24:
        raise ValueError("the arena needs between 64 and 16777216 buffers of each size")
    arena_make(wanted[0], wanted[1])
    settings = wanted


def arena():
    """Facts about the arena: counts of items in all and free in the shared pools, bytes mapped, the descriptor."""
    cdef ArenaData *data = arena_get()
    return {"small": data.small.capacity, "small_free": pool_available(&data.small),
            "large": data.large.capacity, "large_free": pool_available(&data.large),
            "descriptors": data.descriptors.capacity, "descriptors_free": pool_available(&data.descriptors),
            "base": <uintptr_t>data.small.base, "fd": arena_fd, "huge_pages": arena_huge}


arena_fd = -1
arena_huge = False


def map_buffers(size):
    """Map `size` bytes of a fresh memfd: huge pages where the machine has them, else ordinary ones."""
    cdef void *base = MAP_FAILED
    cdef size_t length = size
    import fcntl
    for flags in (os.MFD_HUGETLB, 0):
        try:
            fd = os.memfd_create("netos-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | flags)
            os.ftruncate(fd, size)
        except OSError:
            continue
        base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | (0 if flags else MAP_NORESERVE), fd, 0)
        if base != MAP_FAILED:
            fcntl.fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)
            madvise(base, length, MADV_DONTFORK)
            return <uintptr_t>base, fd, bool(flags)
        os.close(fd)
    raise MemoryError(f"netos: cannot map {size >> 20} MiB for packets: set NETOS_SMALL_BUFFERS lower")


cdef int arena_make(uint32_t small, uint32_t large) except -1:
    global arena_fd, arena_huge
    cdef uint32_t descriptors = 2 * (small + large)
    cdef size_t size = <size_t>small * SMALL_BUFFER + <size_t>large * LARGE_BUFFER
    size = (size + HUGE_PAGE - 1) // HUGE_PAGE * HUGE_PAGE
    address, arena_fd, arena_huge = map_buffers(size)
    cdef uint8_t *base = <uint8_t *><uintptr_t>address
    pool_make(&the_arena.small, base, SMALL_BUFFER, small)
    pool_make(&the_arena.large, base + <size_t>small * SMALL_BUFFER, LARGE_BUFFER, large)
    cdef void *table = mmap(NULL, <size_t>descriptors * DESCRIPTOR_SIZE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    the_arena.references = <uint32_t *>calloc(small + large, sizeof(uint32_t))
    if table == MAP_FAILED or the_arena.references == NULL:
        raise MemoryError("netos: no memory for packet descriptors: set NETOS_SMALL_BUFFERS lower")
    pool_make(&the_arena.descriptors, <uint8_t *>table, DESCRIPTOR_SIZE, descriptors)
    return 0


cdef ArenaData *arena_get() except NULL:
    """The process's arena, made at the first call (so: after a daemon has forked)."""
    if settings is None:
        configure()
    return &the_arena
