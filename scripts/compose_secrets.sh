#!/usr/bin/env bash
# Makes what docker-compose.yaml must be told: compose_secrets.sh [FOLDER]
# Writes FOLDER/.env and FOLDER/.secrets/ (default: this tree, where Compose looks). What is there already stays.
set -euo pipefail

folder=$(cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}" && pwd)
env=$folder/.env
secrets=$folder/.secrets
umask 077

word() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# A name is written with its value unless it has one: a key that changed would lock everybody out of what it locked.
touch "$env"
keep() { grep -q "^$1=" "$env" || printf '%s=%s\n' "$1" "$2" >>"$env"; }
keep AIRFLOW_FERNET_KEY "$(head -c 32 /dev/urandom | base64 -w 0 | tr '+/' '-_')"
keep AIRFLOW_JWT_SECRET "$(word 48)"
keep AIRFLOW_SECRET_KEY "$(word 32)"
keep GRAFANA_ADMIN_PASSWORD "$(word 15)"
keep POSTGRES_PASSWORD "$(word 24)"
keep RECOVERY_OPS_SECRETS "$secrets"

# Services that are not root read these files through mounts of their own; on this machine the folder keeps others out.
mkdir -p "$secrets"
people=(alice bob carol dave victor admin)
passwords() {
  local name separator=
  printf '{'
  for name in "${people[@]}"; do printf '%s"%s": "%s"' "$separator" "$name" "$(word 12)"; separator=', '; done
  printf '}\n'
}
[ -e "$secrets/airflow_passwords.json" ] || passwords >"$secrets/airflow_passwords.json"
[ -e "$secrets/metrics_token" ] || word 32 >"$secrets/metrics_token"
chmod 644 "$secrets"/*
printf 'compose_secrets: %s and %s are ready; passwords of people stand in %s/airflow_passwords.json\n' "$env" "$secrets" "$secrets"
