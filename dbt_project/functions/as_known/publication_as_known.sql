-- depends_on: {{ ref('exposure_publication') }}
{{ exposure_publications(
    function('listing_as_known') ~ '(known_at, day)', function('decision_as_known') ~ '(known_at, day)', day='day'
) }}
