# cython: language_level=3, binding=False, boundscheck=False, wraparound=False, initializedcheck=False
"""The queue of timers in C. What it does is in b2bua.sip.timers, whose own one does the same.

A heap of entries that are compared by their numbers, in place of tuples that are compared as objects.
"""

cimport cython


@cython.final
@cython.freelist(256)
cdef class _Entry:
    cdef double when
    cdef long long order
    cdef object number  # as the owner knows it
    cdef object owner
    cdef object timer

    cdef inline bint runs(self) except -1:
        return self.owner.running.get(self.timer) is self.number


cdef inline bint _is_before(_Entry one, _Entry other) noexcept:
    return one.when < other.when or (one.when == other.when and one.order < other.order)


@cython.final
cdef class TimerQueue:
    """See b2bua.sip.timers."""

    cdef readonly list _heap
    cdef long long _next_entry
    cdef Py_ssize_t _stale

    def __init__(self):
        self._heap = []
        self._next_entry = 0
        self._stale = 0

    def __len__(self):
        return len(self._heap) - self._stale

    def arm(self, owner, timer, double when):
        cdef dict running = owner.running
        if timer in running:
            self._disarm(running, timer)
        self._next_entry += 1
        cdef _Entry entry = _Entry.__new__(_Entry)
        entry.when, entry.order, entry.number = when, self._next_entry, self._next_entry
        entry.owner, entry.timer = owner, timer
        running[timer] = entry.number
        self._heap.append(entry)
        self._rise(len(self._heap) - 1)

    def disarm(self, owner, timer):
        self._disarm(owner.running, timer)

    def disarm_all(self, owner):
        cdef dict running = owner.running
        if running:
            for timer in tuple(running):
                self._disarm(running, timer)

    def keep(self, owner, tuple live):
        cdef dict running = owner.running
        if running:
            for timer in tuple(running):
                if timer not in live:
                    self._disarm(running, timer)

    def next_due(self):
        cdef _Entry first = self._first()
        return None if first is None else first.when

    def pop_due(self, double now):
        cdef _Entry first = self._first()
        if first is None or first.when > now:
            return None
        self._pop()
        del first.owner.running[first.timer]
        return first.owner, first.timer

    cdef int _disarm(self, dict running, timer) except -1:
        if running.pop(timer, None) is None:
            return 0
        self._stale += 1
        # Seldom: one in hundreds.
        if self._stale > 256 and self._stale * 2 > len(self._heap):
            self._sweep()
        return 0

    cdef _Entry _first(self):
        """The earliest that runs; those before it that do not are taken out."""
        cdef _Entry first
        while self._heap:
            first = <_Entry>self._heap[0]
            if first.runs():
                return first
            self._pop()
            self._stale -= 1
        return None

    cdef int _pop(self) except -1:
        last = self._heap.pop()
        if self._heap:
            self._heap[0] = last
            self._sink(0)
        return 0

    cdef int _rise(self, Py_ssize_t at) except -1:
        cdef list heap = self._heap
        cdef _Entry entry = <_Entry>heap[at], above
        while at > 0:
            above = <_Entry>heap[(at - 1) >> 1]
            if not _is_before(entry, above):
                break
            heap[at] = above
            at = (at - 1) >> 1
        heap[at] = entry
        return 0

    cdef int _sink(self, Py_ssize_t at) except -1:
        cdef list heap = self._heap
        cdef Py_ssize_t below, size = len(heap)
        cdef _Entry entry = <_Entry>heap[at], child
        while 2 * at + 1 < size:
            below = 2 * at + 1
            if below + 1 < size and _is_before(<_Entry>heap[below + 1], <_Entry>heap[below]):
                below += 1
            child = <_Entry>heap[below]
            if not _is_before(child, entry):
                break
            heap[at] = child
            at = below
        heap[at] = entry
        return 0

    cdef int _sweep(self) except -1:
        cdef _Entry entry
        self._heap = [entry for entry in self._heap if entry.runs()]
        cdef Py_ssize_t at
        for at in range(len(self._heap) // 2 - 1, -1, -1):
            self._sink(at)
        self._stale = 0
        return 0
