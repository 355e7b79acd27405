import type { FastifyInstance } from 'fastify';
import type { HealthMonitor } from './health-monitor.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers whoever asks, without a password. */
    open?: boolean;
  }
}

/** For balancers, orchestrators and people at a terminal; none of them has a password. */
export function addHealthRoutes(app: FastifyInstance, health: HealthMonitor): void {
  const open = { config: { open: true } };
  app.addHook('onSend', async (request, reply) => {
    if (request.routeOptions.config.open) reply.header('cache-control', 'no-store');
  });
  app.get('/health', open, async (_request, reply) => {
    const report = health.report();
    return reply.code(report.status === 'unhealthy' ? 503 : 200).send(report);
  });
  // Says that the event loop turns and nothing else: an outage of a service must never restart a worker with living calls.
  app.get('/livez', open, async () => ({ status: 'alive' }));
  app.get('/readyz', open, async (_request, reply) => {
    const reasons = health.notReady();
    return reasons.length === 0 ? { status: 'ready' } : reply.code(503).send({ status: 'not ready', reasons });
  });
}
