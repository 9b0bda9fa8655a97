/* Deadlines in the order in which they come; of equal ones, the one that was set first. */
#ifndef MB_HEAP_H
#define MB_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double due;
    uint64_t order;
    size_t at; /* its place in the heap */
} mb_deadline;

typedef struct {
    mb_deadline **deadlines;
    size_t count;
    uint64_t orders;
} mb_heap;

/* Room for `most` deadlines; false without memory. */
bool mb_heap_init(mb_heap *heap, size_t most);
void mb_heap_clear(mb_heap *heap);

/* Put one in that is not in it, behind those that are due at the same time. There is room for it. */
void mb_heap_add(mb_heap *heap, mb_deadline *deadline);

/* Take one out that is in it. */
void mb_heap_remove(mb_heap *heap, mb_deadline *deadline);

/* To be called when the `due` of one that is in it has become later. */
void mb_heap_postponed(mb_heap *heap, mb_deadline *deadline);

static inline mb_deadline *mb_heap_first(const mb_heap *heap)
{
    return heap->count ? heap->deadlines[0] : NULL;
}

#endif
