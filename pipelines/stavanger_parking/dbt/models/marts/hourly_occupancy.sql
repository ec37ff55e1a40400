-- An hour is told apart by its start in UTC: on the night when the clock goes back, 02 comes twice.

with readings as (

    select
        stg_parking.facility,
        {{ platform.truncate_time('hour', 'stg_parking.observed_at') }} as hour_at,
        {{ platform.truncate_time('hour', 'stg_parking.observed_local') }} as hour_local,
        stg_parking.free_spaces,
        {{ occupied('stg_parking.free_spaces', 'facilities.capacity') }} as occupied_spaces,
        facilities.capacity
    from {{ ref('stg_parking') }} as stg_parking
    left join {{ ref('facilities') }} as facilities on stg_parking.facility = facilities.facility
    where stg_parking.free_spaces is not null

)

select
    facility,
    hour_at,
    min(hour_local) as hour_local,
    count(*) as readings,
    {{ platform.mean('free_spaces') }} as mean_free_spaces,
    min(free_spaces) as min_free_spaces,
    max(free_spaces) as max_free_spaces,
    {{ platform.percent('avg(cast(occupied_spaces as double))', 'max(capacity)') }} as mean_occupancy_pct
from readings
group by facility, hour_at
