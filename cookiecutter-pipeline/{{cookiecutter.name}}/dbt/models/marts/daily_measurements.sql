-- Each station's days, on the feed's own calendar.

select
    measurements.station,
    cast(measurements.measured_local as date) as day_local,
    count(*) as measurements,
    min(measurements.reading) as min_value,
    max(measurements.reading) as max_value,
    sum(case when measurements.reading > stations.limit_value then 1 else 0 end) as above_limit
from {{ ref('stg_measurements') }} as measurements
left join {{ ref('stations') }} as stations on measurements.station = stations.station
group by measurements.station, cast(measurements.measured_local as date)
