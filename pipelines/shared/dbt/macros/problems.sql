{%- macro first_problem(problems) -%}
    {#- The reason of the first condition that holds; null for a good record. `problems` is a list of [condition, reason]. -#}
    case
        {%- for condition, reason in problems %}
        when {{ condition }} then '{{ reason }}'
        {%- endfor %}
    end
{%- endmacro -%}
