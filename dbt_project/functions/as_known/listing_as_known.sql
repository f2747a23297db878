{{ listing_state(day='day', known_at='known_at') }}
