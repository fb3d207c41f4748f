#!/usr/bin/env bash
# Builds the image of the Dockerfile and holds it against what is promised of it: one static binary that starts, no root, no shell, a
# health check that tells nobody from somebody. Then lets compose read compose.yaml. Needs docker with a daemon.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly image="${IMAGE:-adit:checked}"

say() { printf 'image: %s\n' "$*" >&2; }

die() { say "$*"; exit 1; }

docker info >/dev/null 2>&1 || die "there is no docker with a running daemon; install one, or let the hosted workflow build the image"

docker build --tag "$image" .
docker run --rm "$image" --version
docker run --rm "$image" config >/dev/null || die "the binary in the image cannot print its template"

user=$(docker image inspect --format '{{.Config.User}}' "$image")
[ "$user" = 10001:10001 ] || die "the image runs as \"$user\"; allowed is 10001:10001"
if docker run --rm --entrypoint /bin/sh "$image" -c true 2>/dev/null; then die "there is a shell in the image"; fi
if docker run --rm --entrypoint health "$image" 2>/dev/null; then die "the health check is content where nobody serves"; fi

# What has to be filled in is made up; nothing is started.
POSTGRES_PASSWORD=00 ADIT_ADMIN_TOKEN=00000000000000000000 docker compose --file compose.yaml config --quiet
say "$image is what it should be: $(docker image inspect --format '{{.Size}}' "$image") bytes"
