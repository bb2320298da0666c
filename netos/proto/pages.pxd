"""Large tables straight from the kernel: memory that is zero, and takes no room until it is touched (mmap(2))."""

from libc.stddef cimport size_t


cdef extern from "<sys/mman.h>" nogil:
    enum:
        PROT_READ
        PROT_WRITE
        MAP_PRIVATE
        MAP_ANONYMOUS
        MAP_NORESERVE
        MADV_DONTNEED
        MADV_HUGEPAGE
    void *MAP_FAILED
    void *mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset)
    int munmap(void *address, size_t length)
    int madvise(void *address, size_t length, int advice)


cdef inline void *pages_get(size_t size) noexcept nogil:
    """So many bytes; NULL."""
    cdef void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    return memory if memory != MAP_FAILED else NULL


cdef inline void pages_free(void *memory, size_t size) noexcept nogil:
    """Give them back; NULL is no memory."""
    if memory != NULL:
        munmap(memory, size)
