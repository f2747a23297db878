{{ punishment_directives(
    function('listing_as_known') ~ '(known_at, day)', function('decision_as_known') ~ '(known_at, day)', day='day'
) }}
