# The image has Node, the libraries that Node is linked with, and the bundle. It has no shell. docs/container.md says how to run
# it, how to pin the base, and how to build the same image again.
ARG NODE_IMAGE=docker.io/library/node:26-trixie-slim

# The bundle is the same for every platform, so it is built on the builder's.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS bundle
WORKDIR /src
COPY . .
# The base has Node, and esbuild needs no install script. One step, so that no layer keeps 700 MB that only the build needs.
RUN npm ci --ignore-scripts --no-audit --no-fund && npm run build && rm -r node_modules

FROM ${NODE_IMAGE} AS runtime
RUN set -eu; mkdir /image; \
    cp -L --parents /usr/bin/env "$(command -v node)" $(ldd "$(command -v node)" | grep -o '/[^ ]*') /image; \
    ln -s /app/gh-runner.js /image/usr/local/bin/gh-runner
# Scanners read from here which Debian packages these files belong to, to find their advisories. In trixie the loader's old path is
# a diversion, and dpkg-query prints it in addition to the package.
RUN set -eu; mkdir -p /image/var/lib/dpkg/status.d; \
    for file in $(ldd "$(command -v node)" | grep -o '/[^ ]*') /usr/bin/env; do dpkg-query -S "*${file#/usr}"; done \
    | grep -v '^diversion by ' | cut -d: -f1 | sort -u | while read -r package; do \
      dpkg-query -s "$package" > "/image/var/lib/dpkg/status.d/$package"; \
      cp --parents "/usr/share/doc/$package/copyright" /image; \
    done
# A name for the user, and /etc/hosts before DNS. Any user may write to the two folders, but not delete another user's files.
RUN set -eu; mkdir -p /image/etc; cd /image/etc; \
    echo 'nonroot:x:65532:65532::/data:/sbin/nologin' > passwd; \
    echo 'nonroot:x:65532:' > group; \
    echo 'hosts: files dns' > nsswitch.conf; \
    install -d -m 1777 /image/data /image/tmp

# V8's code cache fits only this platform's Node.
COPY --from=bundle /src/ /src/
RUN node /src/scripts/code-cache.ts

FROM scratch
ARG NODE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="gh-runner" \
      org.opencontainers.image.description="Runs small GitHub workflows as TypeScript functions on your infrastructure" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
COPY --from=runtime /image/ /
COPY LICENSE package.json /app/
COPY --from=runtime /src/dist/ /app/
# Node's share of 128 MiB. docs/container.md says what to set for more memory. By default, glibc keeps freed memory per thread and
# returns little of it. The two MALLOC settings save 3.5 MiB at the peak. SQLite's temporary files are in /data, because no other
# folder needs to be writable.
ENV NODE_OPTIONS="--max-old-space-size=44 --max-semi-space-size=1" \
    MALLOC_ARENA_MAX=2 \
    MALLOC_TRIM_THRESHOLD_=65536 \
    PATH=/usr/local/bin:/usr/bin \
    DATA_DIR=/data \
    SQLITE_TMPDIR=/data
WORKDIR /app
USER 65532:65532
VOLUME /data
EXPOSE 9555
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["node", "/app/health.js"]
# Node is process 1, so it gets the signals. It handles SIGTERM from its first moment.
ENTRYPOINT ["node", "/app/gh-runner.js"]
CMD ["serve"]
