{{ config(incremental_strategy='refill', indexes=[{'columns': ['measure_code'], 'unique': true}]) }}
{{ measure_decisions(day=build_day()) }}
