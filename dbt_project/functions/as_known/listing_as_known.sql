-- depends_on: {{ ref('defaulter_listing') }}
{{ listing_state(day='day', known_at='known_at') }}
