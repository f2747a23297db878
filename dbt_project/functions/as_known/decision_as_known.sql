{{ listing_decisions(function('listing_as_known') ~ '(known_at, day)', day='day') }}
