-- Days are those of Oslo's calendar, with 23 and 25 hours when the clock changes.
-- Each hour weighs the same, however often it was read.

select
    facility,
    cast(hour_local as date) as day_local,
    count(*) as hours,
    sum(readings) as readings,
    {{ platform.mean('mean_free_spaces') }} as mean_free_spaces,
    min(min_free_spaces) as min_free_spaces,
    max(max_free_spaces) as max_free_spaces,
    cast({{ platform.mean('mean_occupancy_pct') }} as decimal(9, 1)) as mean_occupancy_pct,
    max(mean_occupancy_pct) as max_hourly_occupancy_pct
from {{ ref('hourly_occupancy') }}
group by facility, cast(hour_local as date)
