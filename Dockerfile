# The workers and the web pages. Node runs the TypeScript as it stands: nothing is built.
FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image brings Node 24 itself, so the optional copy of it isn't needed.
RUN npm ci --omit=dev --omit=optional

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY scripts scripts
COPY workers workers
COPY src src
COPY campaigns campaigns
RUN install -d -o node -g node data
USER node
VOLUME /app/data
CMD ["node", "workers/all.ts"]
