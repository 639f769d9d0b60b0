/* The order in which queued jobs start. What it promises, and why that holds: src/fairlead/_native/scheduler_pure.py.
 *
 * A job is a slot of an array, and a tenant one of another; lists are linked by index, so both arrays may move as they grow. A slot hangs in
 * two lists of its tenant: the level's (which job is next) and the arrivals' (which is oldest). Nothing here touches what `item` points to.
 */
#ifndef FAIRLEAD_SCHEDULER_H
#define FAIRLEAD_SCHEDULER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SCHEDULER_LEVELS 8
#define SCHEDULER_NONE UINT32_MAX
#define SCHEDULER_KEPT_SLOTS 65536u

typedef struct {
    void *item; /* NULL where the slot is free */
    int64_t since, size;
    uint64_t serial;
    uint32_t tenant, cost;
    uint32_t level_next, level_previous, age_next, age_previous;
    uint8_t level;
} scheduler_slot;

typedef struct {
    uint32_t first, last, count, next, previous; /* jobs of the tenant on this level; neighbours in the level's ring */
    int64_t deficit;
} scheduler_lane;

typedef struct {
    void *key; /* NULL where the entry is free */
    scheduler_lane lanes[SCHEDULER_LEVELS];
    uint32_t oldest, newest, count;
    uint32_t next, previous; /* neighbours in the turn of the overdue, or in the list of idle or free tenants */
    uint32_t heap_place;     /* SCHEDULER_NONE where it waits in no heap */
    int in_turn, idle;
    uint64_t mark_serial; /* its oldest job when that was last looked at: what the heap is ordered by */
    int64_t mark_since;
} scheduler_tenant;

typedef struct {
    uint32_t first, tenants; /* ring of tenants with jobs on this level; how many */
    uint64_t count;
    int64_t size;
    int fresh; /* the first has had no quantum for this visit */
} scheduler_level;

typedef struct {
    scheduler_slot *slots;
    scheduler_tenant *tenants;
    uint32_t *heap;
    uint32_t slot_room, slots_used, free_slot;
    uint32_t tenant_room, tenants_used, free_tenant, idle_first, idle_count, heap_count;
    uint32_t turn; /* ring of tenants with an overdue job */
    uint32_t occupied; /* bit i: level i has jobs */
    scheduler_level levels[SCHEDULER_LEVELS];
    uint64_t count, serial, held, limit;
    int64_t size, held_size, size_limit, age, quantum, last;
    uint32_t every, since_turn;
} scheduler;

static void scheduler_init(scheduler *s, uint64_t limit, int64_t size_limit, int64_t age, uint32_t every, int64_t quantum) {
    memset(s, 0, sizeof *s);
    s->limit = limit, s->size_limit = size_limit, s->age = age, s->every = every, s->quantum = quantum;
    s->last = INT64_MIN;
    s->free_slot = s->free_tenant = s->idle_first = s->turn = SCHEDULER_NONE;
    for (int i = 0; i < SCHEDULER_LEVELS; i++)
        s->levels[i].first = SCHEDULER_NONE;
}

static void scheduler_free(scheduler *s) {
    free(s->slots), free(s->tenants), free(s->heap);
    s->slots = NULL, s->tenants = NULL, s->heap = NULL;
    s->count = 0;
}

/* --- the tenants whose oldest job is not known to be overdue: a heap, by the serial of their oldest as it was last looked at --- */

static void scheduler_heap_put(scheduler *s, uint32_t place, uint32_t tenant) {
    s->heap[place] = tenant;
    s->tenants[tenant].heap_place = place;
}

static void scheduler_heap_up(scheduler *s, uint32_t place, uint32_t tenant) {
    const uint64_t mark = s->tenants[tenant].mark_serial;
    while (place) {
        const uint32_t above = (place - 1) / 2;
        if (s->tenants[s->heap[above]].mark_serial < mark)
            break;
        scheduler_heap_put(s, place, s->heap[above]);
        place = above;
    }
    scheduler_heap_put(s, place, tenant);
}

static void scheduler_heap_down(scheduler *s, uint32_t place, uint32_t tenant) {
    const uint64_t mark = s->tenants[tenant].mark_serial;
    for (;;) {
        uint32_t below = 2 * place + 1;
        if (below >= s->heap_count)
            break;
        if (below + 1 < s->heap_count && s->tenants[s->heap[below + 1]].mark_serial < s->tenants[s->heap[below]].mark_serial)
            below++;
        if (mark < s->tenants[s->heap[below]].mark_serial)
            break;
        scheduler_heap_put(s, place, s->heap[below]);
        place = below;
    }
    scheduler_heap_put(s, place, tenant);
}

static void scheduler_await(scheduler *s, uint32_t tenant) {
    scheduler_tenant *t = &s->tenants[tenant];
    t->mark_serial = s->slots[t->oldest].serial;
    t->mark_since = s->slots[t->oldest].since;
    scheduler_heap_up(s, s->heap_count++, tenant);
}

static void scheduler_heap_remove(scheduler *s, uint32_t tenant) {
    const uint32_t place = s->tenants[tenant].heap_place, moved = s->heap[--s->heap_count];
    s->tenants[tenant].heap_place = SCHEDULER_NONE;
    if (moved == tenant)
        return;
    if (place && s->tenants[moved].mark_serial < s->tenants[s->heap[(place - 1) / 2]].mark_serial)
        scheduler_heap_up(s, place, moved);
    else
        scheduler_heap_down(s, place, moved);
}

/* --- the turn of the overdue: a ring of tenants, the next one first --- */

static void scheduler_turn_append(scheduler *s, uint32_t tenant) {
    scheduler_tenant *t = &s->tenants[tenant];
    t->in_turn = 1;
    if (s->turn == SCHEDULER_NONE) {
        s->turn = t->next = t->previous = tenant;
        return;
    }
    const uint32_t last = s->tenants[s->turn].previous;
    t->next = s->turn, t->previous = last;
    s->tenants[last].next = s->tenants[s->turn].previous = tenant;
}

static void scheduler_turn_remove(scheduler *s, uint32_t tenant) {
    scheduler_tenant *t = &s->tenants[tenant];
    t->in_turn = 0;
    if (t->next == tenant) {
        s->turn = SCHEDULER_NONE;
        return;
    }
    s->tenants[t->previous].next = t->next, s->tenants[t->next].previous = t->previous;
    if (s->turn == tenant)
        s->turn = t->next;
}

/* --- the rings of a level's tenants --- */

static void scheduler_ring_append(scheduler *s, int level, uint32_t tenant) {
    scheduler_level *l = &s->levels[level];
    scheduler_lane *lane = &s->tenants[tenant].lanes[level];
    l->tenants++;
    if (l->first == SCHEDULER_NONE) {
        l->first = lane->next = lane->previous = tenant;
        l->fresh = 1;
        s->occupied |= 1u << level;
        return;
    }
    const uint32_t last = s->tenants[l->first].lanes[level].previous;
    lane->next = l->first, lane->previous = last;
    s->tenants[last].lanes[level].next = s->tenants[l->first].lanes[level].previous = tenant;
}

static void scheduler_ring_remove(scheduler *s, int level, uint32_t tenant) {
    scheduler_level *l = &s->levels[level];
    scheduler_lane *lane = &s->tenants[tenant].lanes[level];
    lane->deficit = 0;
    if (--l->tenants == 0) {
        l->first = SCHEDULER_NONE;
        s->occupied &= ~(1u << level);
        return;
    }
    s->tenants[lane->previous].lanes[level].next = lane->next;
    s->tenants[lane->next].lanes[level].previous = lane->previous;
    if (l->first == tenant)
        l->first = lane->next, l->fresh = 1;
}

/* --- slots --- */

static int scheduler_reserve(void **array, uint32_t *room, uint32_t used, size_t each) {
    if (used < *room)
        return 0;
    if (*room >= SCHEDULER_NONE / 2)
        return -1;
    const uint32_t wider = *room ? *room * 2 : 64;
    void *grown = realloc(*array, wider * each);
    if (!grown)
        return -1;
    *array = grown, *room = wider;
    return 0;
}

/* The entry of a new tenant, or SCHEDULER_NONE without memory. The caller looks `key` up itself. */
static uint32_t scheduler_tenant_new(scheduler *s, void *key) {
    uint32_t tenant = s->free_tenant;
    if (tenant != SCHEDULER_NONE) {
        s->free_tenant = s->tenants[tenant].next;
    } else {
        const uint32_t before = s->tenant_room;
        if (scheduler_reserve((void **)&s->tenants, &s->tenant_room, s->tenants_used, sizeof *s->tenants))
            return SCHEDULER_NONE;
        if (before != s->tenant_room || !s->heap) {
            uint32_t *heap = realloc(s->heap, s->tenant_room * sizeof *heap);
            if (!heap) {
                s->tenant_room = s->tenants_used; /* tried again with the next one */
                return SCHEDULER_NONE;
            }
            s->heap = heap;
        }
        tenant = s->tenants_used++;
    }
    scheduler_tenant *t = &s->tenants[tenant];
    memset(t, 0, sizeof *t);
    t->key = key;
    t->oldest = t->newest = t->heap_place = t->next = t->previous = SCHEDULER_NONE;
    for (int i = 0; i < SCHEDULER_LEVELS; i++)
        t->lanes[i].first = t->lanes[i].last = SCHEDULER_NONE;
    return tenant;
}

/* Where a tenant without jobs is found when there are too many of them. */
static void scheduler_idle_put(scheduler *s, uint32_t tenant) {
    scheduler_tenant *t = &s->tenants[tenant];
    t->next = s->idle_first, t->previous = SCHEDULER_NONE, t->idle = 1;
    if (s->idle_first != SCHEDULER_NONE)
        s->tenants[s->idle_first].previous = tenant;
    s->idle_first = tenant;
    s->idle_count++;
}

static void scheduler_idle_remove(scheduler *s, uint32_t tenant) {
    scheduler_tenant *t = &s->tenants[tenant];
    if (t->previous == SCHEDULER_NONE)
        s->idle_first = t->next;
    else
        s->tenants[t->previous].next = t->next;
    if (t->next != SCHEDULER_NONE)
        s->tenants[t->next].previous = t->previous;
    t->idle = 0;
    s->idle_count--;
}

/* Forget an idle tenant; returns its key. */
static void *scheduler_tenant_forget(scheduler *s) {
    const uint32_t tenant = s->idle_first;
    scheduler_idle_remove(s, tenant);
    void *key = s->tenants[tenant].key;
    s->tenants[tenant].key = NULL;
    s->tenants[tenant].next = s->free_tenant;
    s->free_tenant = tenant;
    return key;
}

static int scheduler_fits(const scheduler *s, int64_t size) {
    return s->count + s->held < s->limit && (s->size_limit == 0 || size <= s->size_limit - s->size - s->held_size);
}

/* Queue an item whatever the bounds; the slot, or SCHEDULER_NONE without memory. */
static uint32_t scheduler_push(scheduler *s, void *item, int level, uint32_t tenant, uint32_t cost, int64_t size, int64_t now) {
    uint32_t at = s->free_slot;
    if (at != SCHEDULER_NONE) {
        s->free_slot = s->slots[at].level_next;
    } else {
        if (scheduler_reserve((void **)&s->slots, &s->slot_room, s->slots_used, sizeof *s->slots))
            return SCHEDULER_NONE;
        at = s->slots_used++;
    }
    if (now > s->last)
        s->last = now;
    scheduler_slot *slot = &s->slots[at];
    scheduler_tenant *t = &s->tenants[tenant];
    scheduler_lane *lane = &t->lanes[level];
    *slot = (scheduler_slot){item, s->last, size, s->serial++, tenant, cost, SCHEDULER_NONE, lane->last, SCHEDULER_NONE, t->newest, (uint8_t)level};
    if (t->count++ == 0) {
        if (t->idle)
            scheduler_idle_remove(s, tenant);
        t->oldest = at;
        scheduler_await(s, tenant);
    } else {
        s->slots[t->newest].age_next = at;
    }
    t->newest = at;
    if (lane->count++ == 0) {
        lane->first = at;
        scheduler_ring_append(s, level, tenant);
    } else {
        s->slots[lane->last].level_next = at;
    }
    lane->last = at;
    s->levels[level].count++, s->levels[level].size += size;
    s->count++, s->size += size;
    return at;
}

/* What names a queued job: its slot, and the low half of its serial against a slot that was used again. */
static uint64_t scheduler_ticket(const scheduler *s, uint32_t at) {
    return (s->slots[at].serial & UINT32_MAX) << 32 | ((uint64_t)at + 1);
}

/* The slot of a ticket; SCHEDULER_NONE where its job no longer waits. */
static uint32_t scheduler_find(const scheduler *s, uint64_t ticket) {
    const uint64_t at = (ticket & UINT32_MAX) - 1;
    if (at >= s->slots_used || !s->slots[at].item || scheduler_ticket(s, (uint32_t)at) != ticket)
        return SCHEDULER_NONE;
    return (uint32_t)at;
}

/* Take the item of a slot that is in use. */
static void *scheduler_take(scheduler *s, uint32_t at) {
    scheduler_slot *slot = &s->slots[at];
    const int level = slot->level;
    const uint32_t tenant = slot->tenant;
    scheduler_tenant *t = &s->tenants[tenant];
    scheduler_lane *lane = &t->lanes[level];
    void *item = slot->item;
    if (slot->level_previous == SCHEDULER_NONE)
        lane->first = slot->level_next;
    else
        s->slots[slot->level_previous].level_next = slot->level_next;
    if (slot->level_next == SCHEDULER_NONE)
        lane->last = slot->level_previous;
    else
        s->slots[slot->level_next].level_previous = slot->level_previous;
    if (slot->age_previous == SCHEDULER_NONE)
        t->oldest = slot->age_next;
    else
        s->slots[slot->age_previous].age_next = slot->age_next;
    if (slot->age_next == SCHEDULER_NONE)
        t->newest = slot->age_previous;
    else
        s->slots[slot->age_next].age_previous = slot->age_previous;
    s->levels[level].count--, s->levels[level].size -= slot->size;
    s->count--, s->size -= slot->size;
    if (--lane->count == 0)
        scheduler_ring_remove(s, level, tenant);
    if (--t->count == 0) {
        if (t->in_turn)
            scheduler_turn_remove(s, tenant);
        else
            scheduler_heap_remove(s, tenant);
        scheduler_idle_put(s, tenant);
    }
    slot->item = NULL;
    slot->level_next = s->free_slot;
    s->free_slot = at;
    if (s->count == 0 && s->slot_room > SCHEDULER_KEPT_SLOTS) { /* give a flood's memory back */
        free(s->slots);
        s->slots = NULL, s->slot_room = s->slots_used = 0, s->free_slot = SCHEDULER_NONE;
    }
    return item;
}

static int scheduler_overdue(const scheduler *s, uint32_t tenant) {
    return s->last - s->slots[s->tenants[tenant].oldest].since >= s->age;
}

/* The slot that the turn of the overdue gives, or SCHEDULER_NONE where no job is overdue. */
static uint32_t scheduler_next_overdue(scheduler *s) {
    while (s->heap_count && s->last - s->tenants[s->heap[0]].mark_since >= s->age) {
        const uint32_t tenant = s->heap[0];
        scheduler_heap_remove(s, tenant);
        if (scheduler_overdue(s, tenant))
            scheduler_turn_append(s, tenant);
        else
            scheduler_await(s, tenant);
    }
    while (s->turn != SCHEDULER_NONE) {
        const uint32_t tenant = s->turn;
        if (scheduler_overdue(s, tenant)) {
            s->turn = s->tenants[tenant].next; /* to the end of the turn */
            return s->tenants[tenant].oldest;
        }
        scheduler_turn_remove(s, tenant);
        scheduler_await(s, tenant);
    }
    return SCHEDULER_NONE;
}

/* The slot that comes next on the most urgent level: deficit round robin over its tenants. */
static uint32_t scheduler_next_level(scheduler *s) {
    const int level = __builtin_ctz(s->occupied);
    scheduler_level *l = &s->levels[level];
    for (;;) {
        scheduler_lane *lane = &s->tenants[l->first].lanes[level];
        if (l->fresh)
            lane->deficit += s->quantum, l->fresh = 0;
        const int64_t cost = s->slots[lane->first].cost;
        if (cost <= lane->deficit) {
            lane->deficit -= cost;
            return lane->first;
        }
        l->first = lane->next, l->fresh = 1;
    }
}

/* The slot to grant next, or SCHEDULER_NONE where nothing waits; scheduler_take ends the grant. */
static uint32_t scheduler_next(scheduler *s, int64_t now) {
    uint32_t at = SCHEDULER_NONE;
    if (now > s->last)
        s->last = now;
    if (!s->count)
        return at;
    if (++s->since_turn >= s->every) {
        s->since_turn = 0;
        at = scheduler_next_overdue(s);
    }
    return at == SCHEDULER_NONE ? scheduler_next_level(s) : at;
}

/* Whether taking jobs less urgent than `level` could make room for one more of this size. */
static int scheduler_can_shed(const scheduler *s, int level, int64_t size) {
    uint64_t count = s->count + s->held;
    int64_t left = s->size + s->held_size;
    for (int i = level + 1; i < SCHEDULER_LEVELS; i++)
        count -= s->levels[i].count, left -= s->levels[i].size;
    return count < s->limit && (s->size_limit == 0 || size <= s->size_limit - left);
}

/* The job to give up for a more urgent one: the newest of the tenant with most jobs on the least urgent level. */
static uint32_t scheduler_lowest(const scheduler *s, int above) {
    if (!s->occupied)
        return SCHEDULER_NONE;
    const int level = 31 - __builtin_clz(s->occupied);
    if (level <= above)
        return SCHEDULER_NONE;
    uint32_t tenant = s->levels[level].first, most = tenant;
    for (uint32_t i = s->levels[level].tenants; i; i--, tenant = s->tenants[tenant].lanes[level].next)
        if (s->tenants[tenant].lanes[level].count > s->tenants[most].lanes[level].count)
            most = tenant;
    return s->tenants[most].lanes[level].last;
}

#endif
