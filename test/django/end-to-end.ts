/**
 * The example project with the real local service: 200 bookings, of which some are paid, cancelled, extended, paid a
 * millisecond late; the web server and the service are both killed on the way.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../../measure/lag-report.ts';
import { freePorts, run, type Service, type Started, startService, startShop } from './processes.ts';
import { disagreements, type Known, type Row } from './verdict.ts';

const BOOKINGS = 200;
const KINDS = ['lapses', 'paid', 'paid late', 'lapses', 'paid', 'extended', 'cancelled', 'paid late'] as const;

interface Customer {
  readonly id: string;
  paid?: number;
  sentLate?: boolean;
  /** A request of this customer got no answer: the web server was killed. */
  interrupted: boolean;
}

/** What the shop answered, and whether an earlier try of the same request got no answer. */
interface Answer {
  readonly status: number;
  readonly booking: { readonly id: string; readonly expires_at: string };
  readonly interrupted: boolean;
}

/** How long the shop lets a request wait for the service: what was decided so shortly before a deadline may be told after it. */
const TOLD_WITHIN_MS = 2_000;

/** @param programs the directory of the virtual environment's programs */
export const playEndToEnd = async (programs: string): Promise<boolean> => {
  const directory = mkdtempSync(join(tmpdir(), 'booking-expiry-django-'));
  const [shopPort = 0, apiPort = 0, dynamodbPort = 0, sqsPort = 0] = await freePorts(4);
  const address = `http://127.0.0.1:${shopPort}`;
  const dataDir = join(directory, 'data');
  mkdirSync(dataDir);
  const serviceEnvironment = {
    RUNTIME_FILE: join(directory, 'runtime.json'),
    DATA_DIR: dataDir,
    PORT: String(apiPort),
    DYNAMODB_PORT: String(dynamodbPort),
    SQS_PORT: String(sqsPort),
    // Otherwise each start makes up another one.
    WEBHOOK_SECRET: 'whsec_b2YtdGhlLWVuZC10by1lbmQtdGVzdC1vbmx5',
    WEBHOOK_URL: `${address}/webhooks/booking-expiry/`,
  };
  const startedAtMs = Date.now();
  let service: Service = await startService(serviceEnvironment);
  /** How long a start takes on this machine: bookings that are made without the service must not lapse before it is back. */
  const startSeconds = Math.ceil((Date.now() - startedAtMs) / 1_000);
  const environment = {
    DEBUG: '',
    SECRET_KEY: 'of-the-test',
    DATABASE_URL: process.env.DJANGO_DATABASE_URL ?? `sqlite:///${join(directory, 'shop.sqlite3')}`,
    BOOKING_EXPIRY_URL: `http://127.0.0.1:${apiPort}`,
    BOOKING_EXPIRY_AUTH: '',
    BOOKING_EXPIRY_WEBHOOK_SECRET: service.webhookSecret,
  };
  const manage = async (...args: string[]): Promise<string> => {
    const { code, printed } = await run(join(programs, 'python'), ['manage.py', ...args], environment);
    if (code !== 0) throw new Error(`manage.py ${args.join(' ')} ended with ${code}:\n${printed}`);
    return printed.trim();
  };
  /** Until all could be told: on a busy machine a call of the service may take longer than the shop waits. */
  const reconcile = async (): Promise<string> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return (await manage('reconcile_bookings')).split('\n').at(-1) ?? '';
      } catch (error) {
        if (tries === 5) throw error;
      }
    }
  };
  await manage('migrate', '-v0');
  await manage('flush', '--no-input', '-v0');
  let shop: Started = await startShop(programs, shopPort, environment);
  const firstShop = shop;

  /** Like a customer's browser: tries until the shop answers. */
  const post = async (path: string, body: object = {}): Promise<Answer> => {
    for (let interrupted = false; ; interrupted = true) {
      try {
        const answer = await fetch(`${address}/bookings/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        if (answer.status === 500) throw new Error(`the shop failed:\n${shop.printed()}`);
        return { status: answer.status, booking: (await answer.json()) as Answer['booking'], interrupted };
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        await sleep(100);
      }
    }
  };
  const customers: Customer[] = [];
  const visit = async (kind: (typeof KINDS)[number], holdSeconds: number): Promise<void> => {
    const details = { price: 19.9, from: new Date().toISOString() };
    const { booking } = await post('', { seat: kind, hold_seconds: holdSeconds, details });
    const customer: Customer = { id: booking.id, interrupted: false };
    customers.push(customer);
    const deadlineMs = Date.parse(booking.expires_at);
    if (kind === 'lapses') return;
    if (kind === 'paid late') {
      // Up to the next millisecond: what is sent then is late also by the microsecond.
      while (Date.now() < deadlineMs + 1) await sleep(Math.max(1, deadlineMs + 1 - Date.now()));
      customer.sentLate = true;
    } else {
      await sleep(holdSeconds * 500);
    }
    const { status, interrupted } = await post(
      `${booking.id}/${{ 'paid late': 'confirm', paid: 'confirm', extended: 'extend', cancelled: 'cancel' }[kind]}/`,
      {
        hold_seconds: 6,
      },
    );
    customer.interrupted = interrupted;
    if (kind === 'paid' || kind === 'paid late') customer.paid = status;
  };
  /** Half of the bookings, spread over some seconds. */
  const visits = (holdSeconds: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: BOOKINGS / 2 }, async (_, index) => {
        await sleep(index * 40);
        await visit(KINDS[index % KINDS.length] ?? 'lapses', holdSeconds + (index % 10));
      }),
    );

  console.log('100 bookings; the web server is killed while they lapse, and comes back after 4 seconds');
  const first = visits(5);
  await sleep(9_000);
  await shop.kill();
  await sleep(4_000);
  shop = await startShop(programs, shopPort, environment);
  await first;

  console.log('100 more; the service is killed before them, and starts again after 5 seconds');
  await service.kill();
  const second = visits(20 + startSeconds);
  await sleep(5_000);
  service = await startService(serviceEnvironment);
  console.log(`reconcile_bookings: ${await reconcile()}`);
  await second;

  const rows = async (): Promise<Row[]> => {
    const dumped: { pk: string; fields: Record<string, string | null> }[] = JSON.parse(
      await manage('dumpdata', 'bookings.Booking'),
    );
    return dumped.map(({ pk, fields }) => ({
      id: pk,
      status: fields.status ?? '',
      expiresAtMs: Date.parse(fields.expires_at ?? ''),
      ...(fields.expired_at && { expiredAtMs: Date.parse(fields.expired_at) }),
      ...(fields.confirmed_at && { confirmedAtMs: Date.parse(fields.confirmed_at) }),
    }));
  };
  let found = await rows();
  const giveUpAtMs = Date.now() + 60_000;
  while (found.some(({ status }) => status === 'PENDING') && Date.now() < giveUpAtMs) {
    await sleep(1_000);
    found = await rows();
  }
  const wrong: string[] = [];
  const said = firstShop.printed() + shop.printed();
  const notTold = new Set(
    Array.from(
      said.matchAll(/no timer for booking (\S+) yet|the timer of booking (\S+) runs on/g),
      ([, a, b]) => a ?? b,
    ),
  );
  let excused = 0;
  for (const row of found) {
    const customer = customers.find(({ id }) => id === row.id);
    const answer = await fetch(`${service.api}/api/v1/bookings/${row.id}`);
    const inService = answer.status === 404 ? undefined : ((await answer.json()) as { status: string }).status;
    // A row that no customer knows: the web server was killed before its answer, and the customer made another one.
    const untold =
      customer === undefined ||
      customer.interrupted ||
      notTold.has(row.id) ||
      (row.confirmedAtMs ?? 0) > row.expiresAtMs - TOLD_WITHIN_MS;
    const known: Known = { ...customer, untold, inService };
    if (inService !== row.status) excused += 1;
    wrong.push(...disagreements(row, known));
  }
  for (const { id } of customers) if (!found.some((row) => row.id === id)) wrong.push(`${id}: its row is gone`);
  if (customers.length !== BOOKINGS) wrong.push(`${customers.length} bookings instead of ${BOOKINGS}`);
  const nothingLeft = await reconcile();
  if (nothingLeft !== 'Expired 0 bookings, set 0 timers, stopped 0 timers') wrong.push(`left to do: ${nothingLeft}`);
  const lags = found.flatMap(({ expiredAtMs, expiresAtMs }) => (expiredAtMs ? [expiredAtMs - expiresAtMs] : []));
  for (const status of ['CONFIRMED', 'CANCELLED', 'EXPIRED'])
    console.log(`${String(found.filter((row) => row.status === status).length).padStart(5)} ${status}`);
  const refused = customers.filter(({ paid }) => paid === 409).length;
  console.log(`${String(refused).padStart(5)} payments refused, each after its deadline`);
  console.log(
    `${String(excused).padStart(5)} that the service has otherwise or not at all: it could not be told in time`,
  );
  console.log(
    `      deadline to row: p50 ${percentile(lags, 0.5)} ms, at most ${Math.max(...lags)} ms, outages included`,
  );
  for (const line of wrong) console.log(`WRONG  ${line}`);
  await service.kill();
  await shop.kill();
  rmSync(directory, { recursive: true, force: true });
  return wrong.length === 0;
};
