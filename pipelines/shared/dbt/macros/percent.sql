{%- macro percent(part, whole) -%}
    {#- With one digit behind the point. Null if the whole is 0. -#}
    cast(round(100 * cast({{ part }} as double) / nullif({{ whole }}, 0), 1) as decimal(9, 1))
{%- endmacro -%}


{%- macro mean(values) -%}
    {#- The mean of whole numbers, with one digit behind the point. -#}
    cast(round(avg(cast({{ values }} as double)), 1) as decimal(18, 1))
{%- endmacro -%}
