select case
    when {{ function('date_iso') }}(value) in ('1899-12-31', '1900-01-01', '9999-09-09', '9999-12-31', '2099-12-31')
        then null
    when pg_input_is_valid({{ function('date_iso') }}(value), 'date')
        then {{ function('date_iso') }}(value)::date
end
