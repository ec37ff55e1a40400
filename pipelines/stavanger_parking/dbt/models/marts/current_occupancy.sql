with ranked as (

    select
        *,
        row_number() over (partition by facility order by observed_at desc) as newest
    from {{ ref('stg_parking') }}

)

select
    ranked.facility,
    ranked.observed_at,
    ranked.observed_local,
    ranked.status,
    ranked.free_spaces,
    facilities.capacity,
    {{ occupied('ranked.free_spaces', 'facilities.capacity') }} as occupied_spaces,
    {{ platform.percent(occupied('ranked.free_spaces', 'facilities.capacity'), 'facilities.capacity') }} as occupancy_pct,
    coalesce(ranked.free_spaces > facilities.capacity, false) as exceeds_capacity,
    ranked.latitude,
    ranked.longitude
from ranked
left join {{ ref('facilities') }} as facilities on ranked.facility = facilities.facility
where ranked.newest = 1
