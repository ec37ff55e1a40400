{%- macro percent(part, whole) -%}
    {#- With one digit behind the point. Null if the whole is 0. -#}
    cast(round(100 * cast({{ part }} as double) / nullif({{ whole }}, 0), 1) as decimal(9, 1))
{%- endmacro -%}


{%- macro mean(values) -%}
    {#- The mean of numbers that have one digit behind the point or none, itself with one. The sum is exact: that of doubles depends on
        the order, and with it to which side a mean in the middle is rounded. -#}
    cast(round(cast(sum(cast({{ values }} as decimal(18, 1))) as double) / count({{ values }}), 1) as decimal(18, 1))
{%- endmacro -%}
