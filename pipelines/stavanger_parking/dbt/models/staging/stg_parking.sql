-- A reading is what a car park showed at one moment. If several publications hold it, the last one is right.

with ranked as (

    select
        *,
        row_number() over (partition by facility, observed_at order by publication desc) as newest
    from {{ ref('stg_parking_records') }}
    where problem is null

)

select
    facility,
    observed_at,
    observed_local,
    free_spaces,
    status,
    latitude,
    longitude,
    first_fetched_at
from ranked
where newest = 1
