-- depends_on: {{ ref('related_order') }}
{{ related_orders(day='day', known_at='known_at') }}
