"""The inbox of a virtual CPU: what other threads want done to its tasks, timers and notifiers; see inbox.pyx."""

cdef extern from *:
    """
    #ifndef NETOS_INBOX
    #define NETOS_INBOX
    #include <pthread.h>
    static inline unsigned long netos_thread(void) { return (unsigned long)pthread_self(); }
    static inline int netos_swap(int *at, int value) { return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST); }
    static inline void netos_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
    static inline void *netos_take(void *at) { return __atomic_exchange_n((void **)at, (void *)0, __ATOMIC_SEQ_CST); }
    static inline void *netos_peek(void *at) { return __atomic_load_n((void **)at, __ATOMIC_RELAXED); }
    static inline int netos_put(void *at, void **next, void *item) {
        void *first = __atomic_load_n((void **)at, __ATOMIC_RELAXED);
        do { *next = first; } while (!__atomic_compare_exchange_n((void **)at, &first, item, 0, __ATOMIC_SEQ_CST,
                                                                  __ATOMIC_RELAXED));
        return first == (void *)0;
    }
    #endif
    """
    unsigned long thread_self "netos_thread"() noexcept nogil
    int atomic_swap "netos_swap"(int *at, int value) noexcept nogil
    void fence "netos_fence"() noexcept nogil
    void *pointer_take "netos_take"(void *at) noexcept nogil
    void *pointer_peek "netos_peek"(void *at) noexcept nogil
    int pointer_put "netos_put"(void *at, void **next, void *item) noexcept nogil


cdef struct Request:            # lies in what it is about
    Request *next
    int posted
    void (*act)(void *object) noexcept nogil
    void *object


cdef struct Inbox:
    Request *first              # the last one posted
    unsigned long owner         # the thread that may touch the virtual CPU's queues
    int sleeping                # the owner waits, or is about to, and must be woken
    int event_fd


cdef void wake_up(int event_fd) noexcept nogil
cdef void inbox_post(Inbox *inbox, Request *request) noexcept nogil
cdef void inbox_serve(Inbox *inbox) noexcept nogil


cdef inline bint inbox_foreign(Inbox *inbox) noexcept nogil:
    """Whether the caller is not the thread of this inbox; never where there is one thread, and no inbox."""
    return inbox != NULL and inbox.owner != thread_self()


cdef inline bint inbox_waiting(Inbox *inbox) noexcept nogil:
    return pointer_peek(&inbox.first) != NULL
