{{ record_items(known_at='known_at') }}
