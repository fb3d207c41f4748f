# syntax=docker/dockerfile:1
#
# One static binary, no shell, no root.
#
#   docker build -t adit .
#
# compose.yaml runs it with Postgres and a signer of its own; docs/deploy.md has the rest.

FROM rust:1.95-alpine AS build
# Parts of it are C: SQLite, libsecp256k1, ring, mimalloc. Alpine's libc is linked statically by default.
RUN apk add --no-cache build-base
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p adit \
 && install -D target/release/adit /out/bin/adit \
 && rustc --edition 2024 -C opt-level=s -o /out/bin/health docker/health.rs \
 && mkdir /out/data /out/run
# What needs a loader would not start in the image below.
RUN ! readelf --program-headers /out/bin/adit /out/bin/health | grep INTERP

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/bin/ /usr/local/bin/
# A new volume takes its owner from the folder that it is mounted on.
COPY --from=build --chown=10001:10001 /out/data /var/lib/adit/data
COPY --from=build --chown=10001:10001 /out/run /run/adit
USER 10001:10001
WORKDIR /var/lib/adit
VOLUME /var/lib/adit/data
ENV ADIT_LISTEN=0.0.0.0:5000
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["health"]
ENTRYPOINT ["adit"]
CMD ["serve"]
