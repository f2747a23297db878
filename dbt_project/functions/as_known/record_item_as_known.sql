-- depends_on: {{ ref('credit_record_item') }}
{{ record_items(known_at='known_at') }}
