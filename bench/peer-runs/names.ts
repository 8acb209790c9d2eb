/** The systems that are compared, by the names that tables, figures and `--systems` have for them. */
export const SYSTEMS = [
  'booking-expiry',
  'bullmq',
  'graphile-worker',
  'pg-boss',
  'procrastinate',
  'poller-50ms',
  'poller-10ms',
] as const;
export type SystemName = (typeof SYSTEMS)[number];
