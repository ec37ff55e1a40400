{%- macro occupied(free_spaces, capacity) -%}
    {#- Forum shows more free spaces than it has: nobody is parked there then, and no number below zero is. -#}
    case when {{ free_spaces }} > {{ capacity }} then 0 else {{ capacity }} - {{ free_spaces }} end
{%- endmacro -%}
