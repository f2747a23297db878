-- depends_on: {{ ref('listing_decision') }}
{{ listing_decisions(function('listing_as_known') ~ '(known_at, day)', day='day') }}
