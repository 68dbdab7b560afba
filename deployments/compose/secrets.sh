#!/usr/bin/env bash
# Makes up the secrets of a new installation, into ./secrets beside this file; what is there already stays.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
if [ -e secrets/opsspine.env ]; then
  echo "secrets/ is there already; nothing was changed" >&2
  exit 0
fi
random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '='; }
postgres=$(random) redis=$(random) prefect=$(random)
printf %s "$postgres" > secrets/postgres
printf %s "$redis" > secrets/redis
cat > secrets/prefect.env <<END
PREFECT_API_DATABASE_CONNECTION_URL=postgresql+asyncpg://opsspine:$postgres@postgres:5432/prefect
PREFECT_SERVER_API_AUTH_STRING=opsspine:$prefect
PREFECT_API_AUTH_STRING=opsspine:$prefect
PREFECT_REDIS_MESSAGING_URL=redis://:$redis@redis:6379/0
PREFECT_SERVER_DOCKET_URL=redis://:$redis@redis:6379/1
PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL=redis://:$redis@redis:6379/2
END
cat > secrets/opsspine.env <<END
DATABASE_URL=postgresql://opsspine:$postgres@postgres:5432/opsspine
OPSSPINE_SECRET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')
PREFECT_API_AUTH_STRING=opsspine:$prefect
END
# Slack, mail and webhooks: add OPSSPINE_SLACK__BOT_TOKEN=… and others to secrets/opsspine.env (docs/reference/settings.md).
chmod 0444 secrets/*  # read by the containers' own users; the folder itself is closed
echo "made secrets/: keep a copy of secrets/opsspine.env elsewhere, for without its key no backup opens" >&2
