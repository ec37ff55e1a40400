{% test in_range(model, column_name, min=none, max=none) %}
    {#- Nulls pass: that a value must be there is not_null's business. -#}
    select {{ column_name }}
    from {{ model }}
    where false
        {%- if min is not none %} or {{ column_name }} < {{ min }}{% endif %}
        {%- if max is not none %} or {{ column_name }} > {{ max }}{% endif %}
{% endtest %}
