FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY migrations migrations
COPY src src
RUN npm run build

FROM node:24-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
# What is optional are the programs of the embedded database, which a container does not use.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
WORKDIR /app
# The root access key of the first start goes there; nothing else is written when DATABASE_URL is set.
RUN install -d -o node -g node -m 0700 /data
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY LICENSE package.json ./
ENV NODE_ENV=production STINT_HOST=0.0.0.0 STINT_PORT=8700 STINT_DATA_DIR=/data
USER node
EXPOSE 8700
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.STINT_PORT}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/src/main.js"]
