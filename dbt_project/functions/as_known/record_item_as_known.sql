-- depends_on: {{ ref('credit_record_item') }}
{{ record_items(day='day', known_at='known_at') }}
