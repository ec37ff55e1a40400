select
    first_fetched_at,
    position,
    problem,
    record
from {{ ref('stg_measurements_records') }}
where problem is not null
