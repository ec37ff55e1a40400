select
    facility,
    observed_at
from {{ ref('stg_parking') }}
where observed_at > {{ platform.add_seconds('first_fetched_at', var('clock_tolerance_seconds')) }}
