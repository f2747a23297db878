#!/bin/sh
# Redis with the password of the URL that Airflow reads; it comes through standard input and not as an argument.
set -eu

password=$(sed -n 's|^redis://[^:/]*:\([^@]*\)@.*|\1|p' /run/secrets/redis_url)
: "${password:?no password in redis_url}"

# A task that waits in the queue survives a restart, and nothing is dropped for want of memory.
exec redis-server - <<CONF
requirepass $password
dir /data
appendonly yes
save ""
maxmemory 256mb
maxmemory-policy noeviction
CONF
