#!/bin/sh
# Secrets come from files: WAREHOUSE_X_FILE and AIRFLOW__X_FILE name a file, its content becomes WAREHOUSE_X and
# AIRFLOW__X of the command that follows. `docker inspect` shows the name of the file and nothing else.
# Health checks and `docker compose exec` start beside this process: give them `entrypoint` as their first word.
set -euf

for name in $(env | sed -n -e 's/^\(WAREHOUSE_[A-Z_]*\)_FILE=.*/\1/p' -e 's/^\(AIRFLOW__[A-Z_]*\)_FILE=.*/\1/p'); do
    file=
    eval "file=\$${name}_FILE"
    if [ ! -r "$file" ] || [ ! -s "$file" ]; then
        echo "entrypoint: $name: secret file $file is missing, empty or not readable for uid $(id -u)" >&2
        exit 78
    fi
    export "$name=$(cat "$file")"
    unset "${name}_FILE"
done

mkdir -p "${HOME:=/run/credit-warehouse/home}" "${AIRFLOW_HOME:=/run/credit-warehouse/airflow}"
export HOME AIRFLOW_HOME
exec "$@"
