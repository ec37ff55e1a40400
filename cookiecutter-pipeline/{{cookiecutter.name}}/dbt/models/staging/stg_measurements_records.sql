{{ config(materialized='ephemeral') }}

-- Every record, typed as far as it can be, with the first thing that is wrong with it.

with fetches as (

    select
        content_hash,
        min(fetched_at) as first_fetched_at
    from {{ source('raw', 'measurements_fetches') }}
    group by content_hash

),

records as (

    -- Once each, should a run have died between writing the records and writing the fetch.
    select
        content_hash,
        position,
        min(record) as record
    from {{ source('raw', 'measurements_records') }}
    group by content_hash, position

),

fields as (

    select
        records.position,
        records.record,
        fetches.first_fetched_at,
        nullif(trim({{ platform.json_text('record', 'station') }}), '') as station,
        {{ platform.to_timestamp(platform.json_text('record', 'measured_at'), '%Y-%m-%d %H:%M') }} as measured_local,
        {{ platform.to_decimal(platform.json_text('record', 'value'), 3) }} as reading,
        {{ platform.add_seconds('first_fetched_at', var('clock_tolerance_seconds')) }} as not_after
    from records
    inner join fetches on records.content_hash = fetches.content_hash

),

timed as (

    select
        *,
        {{ platform.local_to_utc('measured_local', var('timezone'), 'not_after') }} as measured_at
    from fields

)

select
    position,
    record,
    first_fetched_at,
    station,
    measured_at,
    measured_local,
    reading,
    {{ platform.first_problem([
        ["substr(record, 1, 1) <> '{'", 'not an object'],
        ['station is null', 'no station'],
        ['measured_local is null', 'measured_at is no time'],
        ['measured_at > not_after', 'time after the fetch'],
        ['reading is null', 'value is no number'],
    ]) }} as problem
from timed
