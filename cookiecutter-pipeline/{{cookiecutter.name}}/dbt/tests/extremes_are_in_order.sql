select
    station,
    day_local
from {{ ref('daily_measurements') }}
where min_value > max_value
