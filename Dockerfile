# syntax=docker/dockerfile:1
# Freshet as a container: dependencies in a layer of their own, the page bundled at build time, no root, nothing written
# outside of /data. In a running container: docker compose exec freshet freshet status

ARG DENO_VERSION=2.9.6

FROM denoland/deno:${DENO_VERSION} AS build
WORKDIR /app
ENV DENO_DIR=/deno-dir
COPY deno.json deno.lock ./
COPY links ./links
COPY src/stream/deno.json ./src/stream/deno.json
COPY src/http/dashboard/page/deno.json ./src/http/dashboard/page/deno.json
RUN deno install --frozen
COPY main.ts ./
COPY build/freshet.sh ./freshet
COPY build/page.ts build/slim.ts ./build/
COPY sql ./sql
COPY simulators ./simulators
COPY src ./src
# The commit that --version tells: docker build --build-arg COMMIT=$(git rev-parse --short=12 HEAD)
ARG COMMIT=""
RUN mkdir -p dist && printf %s "$COMMIT" > dist/commit.txt && deno task page && deno cache --frozen main.ts && \
    deno run --allow-read --allow-write --allow-run --allow-env build/slim.ts

FROM denoland/deno:${DENO_VERSION}
WORKDIR /app
ENV DENO_DIR=/deno-dir \
    DENO_NO_UPDATE_CHECK=1 \
    MALLOC_ARENA_MAX=2 \
    FRESHET_DATA_DIR=/data
COPY --from=build /deno-dir /deno-dir
COPY --from=build /app /app
RUN ln -s /app/freshet /usr/local/bin/freshet && mkdir -m 700 /data && chown deno:deno /data
VOLUME /data
USER deno
EXPOSE 8000 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 \
    CMD ["freshet", "health"]
ENTRYPOINT ["freshet"]
CMD ["run"]
