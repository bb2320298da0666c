"""The guard of a region that several virtual CPUs work in: one of them at a time, which may enter again from within."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free

from netos.kernel.inbox cimport thread_self

cdef extern from "<pthread.h>" nogil:
    int pthread_mutex_init(pthread_mutex_t *mutex, void *attributes)
    int pthread_mutex_destroy(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)

cdef extern from *:
    """
    #include <pthread.h>
    /* A thread that must wait gives the GIL back first, if it has it: who is inside may be about to ask for it. */
    static void netos_mutex_lock(pthread_mutex_t *mutex) {
        PyThreadState *state;
        if (pthread_mutex_trylock(mutex) == 0)
            return;
        if (!PyGILState_Check()) {
            pthread_mutex_lock(mutex);
            return;
        }
        state = PyEval_SaveThread();
        pthread_mutex_lock(mutex);
        PyEval_RestoreThread(state);
    }
    static inline unsigned long netos_owner(unsigned long *at) { return __atomic_load_n(at, __ATOMIC_RELAXED); }
    static inline void netos_own(unsigned long *at, unsigned long thread) {
        __atomic_store_n(at, thread, __ATOMIC_RELAXED); }
    """
    void mutex_lock "netos_mutex_lock"(pthread_mutex_t *mutex) noexcept nogil
    unsigned long owner_get "netos_owner"(unsigned long *at) noexcept nogil
    void owner_set "netos_own"(unsigned long *at, unsigned long thread) noexcept nogil


cdef Guard *guard_make() except NULL:
    """A guard with nobody inside."""
    cdef Guard *guard = <Guard *>calloc(1, sizeof(Guard))
    if guard == NULL:
        raise MemoryError("netos: no memory for a guard")
    pthread_mutex_init(&guard.mutex, NULL)
    return guard


cdef void guard_free(Guard *guard) noexcept nogil:
    if guard != NULL:
        pthread_mutex_destroy(&guard.mutex)
        free(guard)


cdef void guard_enter(Guard *guard) noexcept nogil:
    """Wait until nobody else is inside, and enter."""
    cdef unsigned long thread = thread_self()
    if owner_get(&guard.owner) != thread:
        mutex_lock(&guard.mutex)
        owner_set(&guard.owner, thread)
    guard.depth += 1


cdef void guard_leave(Guard *guard) noexcept nogil:
    """Undo one guard_enter."""
    guard.depth -= 1
    if guard.depth == 0:
        owner_set(&guard.owner, 0)
        pthread_mutex_unlock(&guard.mutex)


cdef uint32_t guard_leave_wholly(Guard *guard) noexcept nogil:
    """Undo all of the caller's guard_enter for a while, as before a wait for those who wait outside; how many."""
    cdef uint32_t depth = 0
    if owner_get(&guard.owner) == thread_self():
        depth = guard.depth
        guard.depth = 1
        guard_leave(guard)
    return depth


cdef void guard_enter_again(Guard *guard, uint32_t depth) noexcept nogil:
    """Take back what guard_leave_wholly gave up."""
    if depth:
        guard_enter(guard)
        guard.depth = depth
