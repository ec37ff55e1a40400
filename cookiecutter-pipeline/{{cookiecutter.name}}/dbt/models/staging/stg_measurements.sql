-- If several records say what a station measured at one moment, the last one is right.

with ranked as (

    select
        *,
        row_number() over (
            partition by station, measured_at order by first_fetched_at desc, position desc
        ) as newest
    from {{ ref('stg_measurements_records') }}
    where problem is null

)

select
    station,
    measured_at,
    measured_local,
    reading,
    first_fetched_at
from ranked
where newest = 1
