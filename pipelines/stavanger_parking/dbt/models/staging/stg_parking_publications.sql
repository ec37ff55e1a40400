{{ config(materialized='ephemeral') }}

-- The feed shows one state at a time. A publication begins with the fetch whose content is another than the fetch before had;
-- content that comes back later is published again, so that two equal readings an hour apart are two.

with fetches as (

    select
        fetched_at,
        content_hash,
        last_modified,
        lag(content_hash) over (order by fetched_at) as content_before
    from {{ source('raw', 'parking_fetches') }}

),

numbered as (

    select
        *,
        sum(case when content_before = content_hash then 0 else 1 end) over (
            order by fetched_at rows between unbounded preceding and current row
        ) as publication
    from fetches

)

select
    publication,
    content_hash,
    min(fetched_at) as first_fetched_at,
    max(fetched_at) as last_fetched_at,
    count(*) as fetches,
    count(distinct last_modified) as last_modified_values
from numbered
group by publication, content_hash
