/* Dates of the proleptic Gregorian calendar and seconds since 1970-01-01T00:00:00, both ways; a March-based year puts the leap day last. */
#ifndef FAIRLEAD_CIVIL_H
#define FAIRLEAD_CIVIL_H

#include "blocks.h"

/* No time, where seconds are expected. */
#define FAIRLEAD_NEVER INT64_MIN

/* Days since 1970-01-01; the year is 1 or later. */
static int64_t fairlead_days(int year, int month, int day) {
    const int64_t years = month > 2 ? year : year - 1, months = (month + 9) % 12;
    return years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day - 1 - 719468;
}

/* Seconds since the epoch of a minute on a clock in UTC; FAIRLEAD_NEVER where there is no such minute. */
static int64_t fairlead_wall(int year, int month, int day, int hour, int minute) {
    static const signed char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59)
        return FAIRLEAD_NEVER;
    if (day > lengths[month - 1] && !(month == 2 && day == 29 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
        return FAIRLEAD_NEVER;
    return fairlead_days(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

/* The date of a day since 1970-01-01, which is not before it. */
static void fairlead_date(int64_t days, int *year, int *month, int *day) {
    const int64_t since = days + 719468, era = since / 146097, of_era = since % 146097;
    const int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (years * 365 + years / 4 - years / 100), months = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * months + 2) / 5) + 1;
    *month = (int)(months < 10 ? months + 3 : months - 9);
    *year = (int)(era * 400 + years) + (*month <= 2);
}

#endif
