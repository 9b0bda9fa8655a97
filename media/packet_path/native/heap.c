#include "heap.h"

#include <stdlib.h>

bool mb_heap_init(mb_heap *heap, size_t most)
{
    *heap = (mb_heap){.deadlines = calloc(most ? most : 1, sizeof(mb_deadline *))};
    return heap->deadlines;
}

void mb_heap_clear(mb_heap *heap)
{
    free(heap->deadlines);
    *heap = (mb_heap){0};
}

static bool is_earlier(const mb_deadline *one, const mb_deadline *other)
{
    return one->due < other->due || (one->due == other->due && one->order < other->order);
}

static void place(mb_heap *heap, size_t at, mb_deadline *deadline)
{
    heap->deadlines[at] = deadline;
    deadline->at = at;
}

static void sift_up(mb_heap *heap, mb_deadline *deadline)
{
    size_t at = deadline->at;
    while (at && is_earlier(deadline, heap->deadlines[(at - 1) / 2])) {
        place(heap, at, heap->deadlines[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(heap, at, deadline);
}

void mb_heap_postponed(mb_heap *heap, mb_deadline *deadline)
{
    size_t at = deadline->at;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < heap->count && is_earlier(heap->deadlines[child + 1], heap->deadlines[child]))
            child++;
        if (child >= heap->count || !is_earlier(heap->deadlines[child], deadline))
            break;
        place(heap, at, heap->deadlines[child]);
        at = child;
    }
    place(heap, at, deadline);
}

void mb_heap_add(mb_heap *heap, mb_deadline *deadline)
{
    deadline->order = heap->orders++;
    deadline->at = heap->count++;
    heap->deadlines[deadline->at] = deadline;
    sift_up(heap, deadline);
}

void mb_heap_remove(mb_heap *heap, mb_deadline *deadline)
{
    mb_deadline *last = heap->deadlines[--heap->count];
    if (last == deadline)
        return;
    place(heap, deadline->at, last);
    sift_up(heap, last);
    mb_heap_postponed(heap, last);
}
