{# What each channel may tell of a publication, as the one canonical line that its recipient gets (RFC 8785): one row per
   publication and feed. A field that has no rule does not get here, a field that the channel does not name does not get
   out; a number that hides less than the channel wants is drawn tighter, and an age that would leave too few birthdays
   is not told, whatever it says (docs/decisions/0034-channels.md). #}
{{ config(materialized='view') }}

with today as (
    select max(business_date) as day from {{ source('audit', 'build') }} where status = 'succeeded'
),

channel as materialized (
    select
        declared.*,
        string_to_array(declared.fields, '|') as named
    from {{ ref('exposure_channel') }} as declared
    cross join today
    where declared.is_enabled and {{ holds_on('declared', 'today.day') }}
)

select
    channel.channel,
    channel.feed || case when channel.split_by is null then '' else '-' || publication.court_division end as feed,
    publication.item_id,
    channel.is_tokenised,
    '{' || concat_ws(
        ',',
        {%- for field in publication_fields() | map('first') | sort %}
        {%- set value = {
            'identifier_shown': 'number.shown', 'subject_name': 'name.shown', 'age': 'age.shown'
        }.get(field, 'publication.' ~ field) %}
        case when '{{ field }}' = any(channel.named) then '"{{ field }}":' || coalesce(to_json({{ value }})::text, 'null') end
        {{- ',' if not loop.last }}
        {%- endfor %}
    ) || '}' as body
from {{ ref('exposure_publication') }} as publication
cross join today
inner join channel
    on
        publication.subject_kind = any(string_to_array(channel.subject_kinds, '|'))
        and {{ is_in_divisions('publication.court_division', 'channel.divisions', 'today.day') }}
        -- Only what lies in a county is split by county.
        and (channel.split_by is null or right(publication.court_division, 2) <> '00')
cross join lateral (
    select
        case publication.subject_kind
            when 'person' then {{ function('number_masked') }}(publication.identifier_shown, channel.number_mask)
            else publication.identifier_shown
        end as shown
) as number
cross join lateral (
    select
        case
            when publication.subject_kind = 'person' and channel.name_mask = 'SURNAME'
                then left(publication.subject_name, 1) || '某'
            else publication.subject_name
        end as shown
) as name
cross join lateral (
    select
        case
            when
                publication.subject_kind = 'person'
                and 'age' = any(channel.named)
                and core.birthdays_left(number.shown, true, publication.published_on) >= channel.min_birthdays
                then publication.age
        end as shown
) as age
where
    channel.is_state_medium
    or not {{ jurisdiction_holds_back('publication', 'today.day', ['STATE_RULE', 'NONE']) }}
