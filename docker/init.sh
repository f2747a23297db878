#!/bin/sh
# One-shot: both databases to the newest schema, and the first user of the UI. Repeating it changes nothing.
set -eu

airflow db migrate
credit-warehouse prepare

# The password goes through standard input: arguments are visible to every process of the host.
password=$(cat "$ADMIN_PASSWORD_FILE")
printf '%s\n%s\n' "$password" "$password" | airflow users create \
    --role Admin --username admin --firstname Admin --lastname Admin --email admin@localhost
