#!/bin/sh
# After a deployment: the app answers, can accept work, and lets nobody in without a credential.
# azd puts the outputs of infra/main.bicep into the environment. WAIT_SECONDS is how long a first start may take.
set -eu

base="${CONTENT_ARCHITECT_API_URL:?azd sets it; by hand: the public base of the API}/content-architect"
deadline=$(($(date +%s) + ${WAIT_SECONDS:-180}))

status() {
    curl --silent --output /dev/null --max-time 20 --write-out '%{http_code}' "$base/$1" || true
}

expect() {
    while answer=$(status "$1"); [ "$answer" != "$2" ]; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            echo "smoke test FAILED: GET $base/$1 answers $answer, not $2. See docs/deploy.md, \"When it does not start\"." >&2
            exit 1
        fi
        sleep 5
    done
    echo "ok: GET $base/$1 answers $2"
}

expect health/live 200
expect health/ready 200
expect jobs 401
