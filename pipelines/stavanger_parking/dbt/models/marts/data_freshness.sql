-- How old the data was, by the feed's own time: the file's Last-Modified moved for days while the data in it stood still.

with feed_times as (

    select
        publication,
        max(observed_at) as feed_time
    from {{ ref('stg_parking_records') }}
    where problem is null
    group by publication

),

ages as (

    select
        publications.first_fetched_at,
        publications.last_fetched_at,
        publications.fetches,
        publications.last_modified_values,
        feed_times.feed_time,
        {{ platform.seconds_between('feed_times.feed_time', 'publications.first_fetched_at') }} as first_age_seconds,
        {{ platform.seconds_between('feed_times.feed_time', 'publications.last_fetched_at') }} as last_age_seconds
    from {{ ref('stg_parking_publications') }} as publications
    left join feed_times on publications.publication = feed_times.publication

)

select
    first_fetched_at,
    last_fetched_at,
    fetches,
    feed_time,
    {{ platform.at_zone('feed_time', var('timezone')) }} as feed_time_local,
    cast(floor(first_age_seconds / 60.0) as bigint) as first_age_minutes,
    cast(floor(last_age_seconds / 60.0) as bigint) as last_age_minutes,
    coalesce(last_age_seconds > 60 * {{ var('frozen_after_minutes') }}, true) as is_frozen,
    last_modified_values > 1 as last_modified_moved
from ages
