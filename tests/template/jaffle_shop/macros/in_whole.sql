{% macro in_whole(column) %}
    {{ column }} / cast({{ var('cents') }} as decimal(5, 1))
{% endmacro %}
