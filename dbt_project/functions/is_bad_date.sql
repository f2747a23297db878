select value is not null and coalesce(not pg_input_is_valid({{ function('date_iso') }}(value), 'date'), true)
