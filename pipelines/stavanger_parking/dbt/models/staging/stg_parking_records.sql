{{ config(materialized='ephemeral') }}

-- Every record of every publication, typed as far as it can be, with the first thing that is wrong with it.

with records as (

    -- Once each, should a run have died between writing the records and writing the fetch.
    select
        content_hash,
        position,
        min(record) as record
    from {{ source('raw', 'parking_records') }}
    group by content_hash, position

),

fields as (

    select
        publications.publication,
        publications.first_fetched_at,
        records.position,
        records.record,
        nullif(trim({{ platform.json_text('records.record', 'Sted') }}), '') as facility,
        {{ platform.json_text('records.record', 'Dato') }}
        || ' ' || {{ platform.json_text('records.record', 'Klokkeslett') }} as local_text,
        {{ platform.json_text('records.record', 'Latitude') }} as latitude_text,
        {{ platform.json_text('records.record', 'Longitude') }} as longitude_text,
        trim({{ platform.json_text('records.record', 'Antall_ledige_plasser') }}) as free_text
    from {{ ref('stg_parking_publications') }} as publications
    inner join records on publications.content_hash = records.content_hash

),

typed as (

    select
        *,
        {{ platform.to_timestamp('local_text', '%d.%m.%Y %H:%M') }} as observed_local,
        {{ platform.to_decimal('latitude_text') }} as latitude,
        {{ platform.to_decimal('longitude_text') }} as longitude,
        {{ platform.to_integer('free_text') }} as free_spaces,
        case when {{ platform.matches('free_text', '^\\p{L}[\\p{L} ]*$') }} then lower(free_text) end as word,
        {{ platform.add_seconds('first_fetched_at', var('clock_tolerance_seconds')) }} as not_after
    from fields

),

timed as (

    select
        *,
        {{ platform.local_to_utc('observed_local', var('timezone'), 'not_after') }} as observed_at
    from typed

),

judged as (

    select
        *,
        {{ platform.first_problem([
            ["substr(record, 1, 1) <> '{'", 'not an object'],
            ['facility is null', 'no facility'],
            ['observed_local is null', 'Dato and Klokkeslett are no time'],
            ['observed_at > not_after', 'time after the fetch'],
            ['latitude is null or latitude not between -90 and 90', 'Latitude is none'],
            ['longitude is null or longitude not between -180 and 180', 'Longitude is none'],
            ['(free_spaces is null or free_spaces < 0) and word is null', 'Antall_ledige_plasser is neither a count nor a word'],
        ]) }} as problem
    from timed

)

select
    publication,
    first_fetched_at,
    position,
    record,
    facility,
    observed_at,
    observed_local,
    free_spaces,
    coalesce(word, 'counted') as status,
    latitude,
    longitude,
    coalesce(
        problem,
        case
            when row_number() over (partition by publication, facility, problem order by position) > 1
                then 'facility a second time'
        end
    ) as problem
from judged
