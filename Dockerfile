# syntax=docker/dockerfile:1
# The binaries of the order ledger in a small image without root. The layers are in the order in
# which they change: the tools, the dependencies (only when a manifest or Cargo.lock changes), the
# sources.

FROM rust:1.95.0-slim-bookworm AS tools
RUN apt-get update && apt-get install -y --no-install-recommends g++ make libssl-dev pkg-config && rm -rf /var/lib/apt/lists/* \
    && cargo install --locked cargo-chef --version 0.1.78
WORKDIR /ledger

# What the dependencies are, without the sources.
FROM tools AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM tools AS build
COPY .cargo .cargo
COPY xtask/bootstrap xtask/bootstrap
COPY --from=recipe /ledger/recipe.json recipe.json
RUN cargo chef cook --release --locked --package order-service --package ledger --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --package order-service --package ledger \
    && strip --strip-debug target/release/order-service target/release/ledger

FROM debian:bookworm-slim
# OpenSSL for TLS to Kafka, and the authorities that the world trusts.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libssl3 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ledger
COPY --from=build /ledger/target/release/order-service /ledger/target/release/ledger /usr/local/bin/
COPY --chmod=755 deploy/http-ready /usr/local/bin/http-ready
USER ledger
# Which of the two, and how: docker-compose.yml says.
CMD ["ledger", "--help"]
