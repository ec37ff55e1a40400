{#- A moment is a timestamp without zone, in UTC; a local time is one too, on the clock of the zone that its name says. -#}

{%- macro at_zone(moment, zone) -%}
    {#- The local time of a moment. -#}
    {{ return(adapter.dispatch('at_zone', 'platform')(moment, zone)) }}
{%- endmacro -%}

{%- macro trino__at_zone(moment, zone) -%}
    cast(at_timezone(with_timezone(cast({{ moment }} as timestamp(6)), 'UTC'), '{{ zone }}') as timestamp(6))
{%- endmacro -%}

{%- macro duckdb__at_zone(moment, zone) -%}
    timezone('{{ zone }}', timezone('UTC', {{ moment }}))
{%- endmacro -%}


{%- macro add_seconds(moment, seconds) -%}
    {{ return(adapter.dispatch('add_seconds', 'platform')(moment, seconds)) }}
{%- endmacro -%}

{%- macro trino__add_seconds(moment, seconds) -%}
    date_add('second', {{ seconds }}, {{ moment }})
{%- endmacro -%}

{%- macro duckdb__add_seconds(moment, seconds) -%}
    ({{ moment }} + to_seconds({{ seconds }}))
{%- endmacro -%}


{%- macro seconds_between(start, end) -%}
    {#- Whole seconds that passed. -#}
    {{ return(adapter.dispatch('seconds_between', 'platform')(start, end)) }}
{%- endmacro -%}

{%- macro trino__seconds_between(start, end) -%}
    date_diff('second', {{ start }}, {{ end }})
{%- endmacro -%}

{%- macro duckdb__seconds_between(start, end) -%}
    {#- date_diff there counts the seconds' boundaries that were crossed. -#}
    date_sub('second', {{ start }}, {{ end }})
{%- endmacro -%}


{%- macro truncate_time(unit, time) -%}
    {#- The start of the time's hour or day. -#}
    cast(date_trunc('{{ unit }}', {{ time }}) as timestamp(6))
{%- endmacro -%}


{%- macro local_to_utc(local, zone, not_after) -%}
    {#- The moment that a clock in `zone` showed `local`.

        On two days of a year that is not one moment: in autumn an hour comes twice, in spring an hour is left out (a clock that shows it
        was not put forward yet, or too early). Of the two candidates it is the later one that is not after `not_after`, the
        moment when the reading was seen: nobody reads a clock before it shows the time. -#}
    {%- set before = platform._candidate(local, zone, -86400) -%}
    {%- set after = platform._candidate(local, zone, 86400) -%}
    {%- set later = 'greatest(' ~ before ~ ', ' ~ after ~ ')' -%}
    {%- set earlier = 'least(' ~ before ~ ', ' ~ after ~ ')' -%}
    case
        when {{ before }} = {{ after }} then {{ before }}
        when {{ platform.at_zone(before, zone) }} = {{ local }} and {{ platform.at_zone(after, zone) }} <> {{ local }} then {{ before }}
        when {{ platform.at_zone(after, zone) }} = {{ local }} and {{ platform.at_zone(before, zone) }} <> {{ local }} then {{ after }}
        when {{ later }} <= {{ not_after }} then {{ later }}
        else {{ earlier }}
    end
{%- endmacro -%}

{%- macro _candidate(local, zone, shift) -%}
    {#- `local` taken back by the zone's distance from UTC a day before or after. -#}
    {%- set near = platform.add_seconds(local, shift) -%}
    {{ platform.add_seconds(local, platform.seconds_between(platform.at_zone(near, zone), near)) }}
{%- endmacro -%}
