select
    first_fetched_at,
    position,
    problem,
    record
from {{ ref('stg_parking_records') }}
where problem is not null
