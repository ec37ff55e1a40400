{#- From the text that a feed gives to typed values. What can't be read is null, on both engines for the same texts. -#}

{%- macro matches(text, pattern) -%}
    {{ return(adapter.dispatch('matches', 'platform')(text, pattern)) }}
{%- endmacro -%}

{%- macro trino__matches(text, pattern) -%}
    regexp_like({{ text }}, '{{ pattern }}')
{%- endmacro -%}

{%- macro duckdb__matches(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro -%}


{%- macro json_text(record, field) -%}
    {#- A field of a JSON object, as text. Null if it is absent, null, a list or an object. -#}
    {{ return(adapter.dispatch('json_text', 'platform')(record, field)) }}
{%- endmacro -%}

{%- macro trino__json_text(record, field) -%}
    json_extract_scalar({{ record }}, '$["{{ field }}"]')
{%- endmacro -%}

{%- macro duckdb__json_text(record, field) -%}
    case
        when json_type({{ record }}, '$."{{ field }}"') not in ('OBJECT', 'ARRAY')
            then json_extract_string({{ record }}, '$."{{ field }}"')
    end
{%- endmacro -%}


{%- macro to_integer(text) -%}
    {#- DuckDB's own cast rounds 12.5 and takes spaces, Trino's does neither. -#}
    case when {{ platform.matches(text, '^[+-]?[0-9]{1,18}$') }} then try_cast({{ text }} as bigint) end
{%- endmacro -%}


{%- macro to_decimal(text, scale=7) -%}
    {#- Digits with a point; rounded to `scale` digits behind it. -#}
    case
        when {{ platform.matches(text, '^[+-]?[0-9]{1,12}([.][0-9]{1,18})?$') }}
            then try_cast({{ text }} as decimal({{ 20 + scale }}, {{ scale }}))
    end
{%- endmacro -%}


{%- macro to_timestamp(text, format) -%}
    {#- A time written with two digits for each of %d %m %H %M %S and four for %Y, as in strptime. -#}
    {%- set digits = format.replace('.', '[.]').replace('%Y', '[0-9]{4}') -%}
    {%- set pattern = modules.re.sub('%[dmHMS]', '[0-9]{2}', digits) -%}
    case
        when {{ platform.matches(text, '^' ~ pattern ~ '$') }}
            then {{ adapter.dispatch('parse_timestamp', 'platform')(text, format) }}
    end
{%- endmacro -%}

{%- macro trino__parse_timestamp(text, format) -%}
    {#- MySQL's letters: %i is minutes, %s is seconds. -#}
    cast(try(date_parse({{ text }}, '{{ format.replace('%M', '%i').replace('%S', '%s') }}')) as timestamp(6))
{%- endmacro -%}

{%- macro duckdb__parse_timestamp(text, format) -%}
    cast(try_strptime({{ text }}, '{{ format }}') as timestamp(6))
{%- endmacro -%}
