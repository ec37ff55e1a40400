with source as (

    {#- Normally this would be a table of its own; here it is a seed. #}
    select * from {{ ref('raw_customers') }}

),

renamed as (

    select
        id as customer_id,
        first_name,
        last_name

    from source

)

select * from renamed
