-- depends_on: {{ ref('measure_decision') }}
{{ measure_decisions(day='day') }}
