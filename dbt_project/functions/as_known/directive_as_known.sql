-- depends_on: {{ ref('punishment_directive') }}
{{ punishment_directives(
    function('listing_as_known') ~ '(known_at, day)', function('decision_as_known') ~ '(known_at, day)',
    function('measure_as_known') ~ '(day)', function('order_as_known') ~ '(known_at, day)', day='day'
) }}
