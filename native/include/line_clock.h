/* The host's clock: what minutes that a line names without a zone, or without a year, are since the epoch. The last ones are kept. */
#ifndef FAIRLEAD_LINE_CLOCK_H
#define FAIRLEAD_LINE_CLOCK_H

#include <stdlib.h>

#include "civil.h"

#define FAIRLEAD_KEPT_MINUTES 4

/* From seconds of a clock in the host's zone, as if it were UTC's, to seconds since the epoch; FAIRLEAD_NEVER where there are none. */
typedef int64_t (*fairlead_from_wall)(void *context, int64_t wall_s);

typedef struct { int64_t key, seconds; } fairlead_minute;

/* What is known of the minutes met last; all of it follows from the line alone, the day of reading and the host's zone. */
typedef struct {
    fairlead_from_wall from_wall;
    void *context;
    int64_t iso_s;
    unsigned char iso[16];
    fairlead_minute local[FAIRLEAD_KEPT_MINUTES], yearless[FAIRLEAD_KEPT_MINUTES];
    int64_t read_day;
} fairlead_clock;

static void fairlead_clock_begin(fairlead_clock *clock, fairlead_from_wall from_wall, void *context) {
    memset(clock, 0, sizeof *clock);
    memset(clock->iso, 0xff, sizeof clock->iso);
    clock->from_wall = from_wall;
    clock->context = context;
    clock->read_day = -1;
    for (int i = 0; i < FAIRLEAD_KEPT_MINUTES; i++)
        clock->local[i].key = clock->yearless[i].key = FAIRLEAD_NEVER;
}

/* The seconds of a wall clock's minute in the host's zone. */
static int64_t fairlead_local(fairlead_clock *clock, int64_t wall_s) {
    fairlead_minute *kept = &clock->local[(wall_s / 60) & (FAIRLEAD_KEPT_MINUTES - 1)];
    if (kept->key != wall_s) {
        kept->seconds = clock->from_wall(clock->context, wall_s);
        kept->key = wall_s;
    }
    return kept->seconds;
}

/* The seconds of a date without a year, in the year that puts it nearest to the day of reading. */
static int64_t fairlead_nearest(fairlead_clock *clock, int month, int day, int hour, int minute) {
    const int64_t read_s = clock->read_day * 86400;
    int64_t nearest = FAIRLEAD_NEVER, distance = INT64_MAX;
    int year, month_of_reading, day_of_month;
    fairlead_date(clock->read_day, &year, &month_of_reading, &day_of_month);
    for (int candidate = year - 1; candidate <= year + 1; candidate++) {
        const int64_t wall_s = fairlead_wall(candidate, month, day, hour, minute);
        const int64_t seconds = wall_s == FAIRLEAD_NEVER ? FAIRLEAD_NEVER : clock->from_wall(clock->context, wall_s);
        if (seconds != FAIRLEAD_NEVER && llabs(seconds - read_s) < distance) {
            nearest = seconds;
            distance = llabs(seconds - read_s);
        }
    }
    return nearest;
}

/* The seconds of a minute without a year. */
static int64_t fairlead_yearless(fairlead_clock *clock, int month, int day, int hour, int minute, int64_t read_day) {
    const int64_t key = ((month * 100 + day) * 100 + hour) * 100 + minute;
    fairlead_minute *kept = &clock->yearless[minute & (FAIRLEAD_KEPT_MINUTES - 1)];
    if (clock->read_day != read_day) {
        clock->read_day = read_day;
        for (int i = 0; i < FAIRLEAD_KEPT_MINUTES; i++)
            clock->yearless[i].key = FAIRLEAD_NEVER;
    }
    if (kept->key != key) {
        kept->seconds = fairlead_nearest(clock, month, day, hour, minute);
        kept->key = key;
    }
    return kept->seconds;
}

#endif
