# The service in an image of its own: node, the libraries that it is linked with, and the bundle. Nothing else is in it, no
# shell either. docs/container.md says how to run it, how to pin the base, and how to get the same image again.
ARG NODE_IMAGE=docker.io/library/node:26-trixie-slim

# The bundle is the same for every platform, so it is made on the builder's.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS bundle
WORKDIR /src
COPY . .
# The base has node, and esbuild needs no script. In one step, so that no layer holds 700 MB of what only the build needs.
RUN npm ci --ignore-scripts --no-audit --no-fund && npm run build && rm -r node_modules

FROM ${NODE_IMAGE} AS runtime
RUN set -eu; mkdir /image; \
    cp -L --parents /usr/bin/env "$(command -v node)" $(ldd "$(command -v node)" | grep -o '/[^ ]*') /image; \
    ln -s /app/gh-runner.js /image/usr/local/bin/gh-runner
# Scanners read there which of Debian's packages these files are from, and so which advisories concern the image. The
# loader's old path is a diversion in trixie, which dpkg-query tells beside its package.
RUN set -eu; mkdir -p /image/var/lib/dpkg/status.d; \
    for file in $(ldd "$(command -v node)" | grep -o '/[^ ]*') /usr/bin/env; do dpkg-query -S "*${file#/usr}"; done \
    | grep -v '^diversion by ' | cut -d: -f1 | sort -u | while read -r package; do \
      dpkg-query -s "$package" > "/image/var/lib/dpkg/status.d/$package"; \
      cp --parents "/usr/share/doc/$package/copyright" /image; \
    done
# Names for the user, and /etc/hosts before DNS. Any user may write to the two folders, and none take away another's files.
RUN set -eu; mkdir -p /image/etc; cd /image/etc; \
    echo 'nonroot:x:65532:65532::/data:/sbin/nologin' > passwd; \
    echo 'nonroot:x:65532:' > group; \
    echo 'hosts: files dns' > nsswitch.conf; \
    install -d -m 1777 /image/data /image/tmp

# V8's code cache is for this platform's node.
COPY --from=bundle /src/ /src/
RUN node /src/scripts/code-cache.ts

FROM scratch
ARG NODE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="gh-runner" \
      org.opencontainers.image.description="Small GitHub workflows as TypeScript functions on your own infrastructure" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${NODE_IMAGE}"
COPY --from=runtime /image/ /
COPY LICENSE package.json /app/
COPY --from=runtime /src/dist/ /app/
# Node's share of 128 MiB; docs/container.md says what to give it where there is more. glibc keeps what was freed apart for
# each thread, and gives little of it back: with these two 3.5 MiB less at the peak. SQLite puts what it sorts beside the
# database, since nothing else may be writable.
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
# Node is process 1 and gets the signals itself; it handles SIGTERM from its first moment on.
ENTRYPOINT ["node", "/app/gh-runner.js"]
CMD ["serve"]
