/** Server-sent events to listeners that come, go and come back. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EventStream, type EventStreamOptions } from '../../local/event-stream.ts';
import { type LoopbackServer, listenOnLoopback } from '../../local/loopback.ts';
import { eventually } from '../support/lambda.ts';

let server: LoopbackServer;
let stream: EventStream;
let listened: boolean[];
const start = async (options: Partial<EventStreamOptions> = {}): Promise<void> => {
  listened = [];
  stream = new EventStream({
    kept: 3,
    greeting: 'hello',
    onListened: (isListened) => listened.push(isListened),
    ...options,
  });
  server = await listenOnLoopback((request, response) => stream.open(request, response));
};
beforeEach(() => start());
afterEach(async () => {
  stream.stop();
  await server.stop();
});

/** Listens until it is told to stop; what it has heard until now. */
const listen = async (headers: Record<string, string> = {}, query = '') => {
  const leaving = new AbortController();
  const { body } = await fetch(server.endpoint + query, { headers, signal: leaving.signal });
  const heard = { text: '' };
  const reading = (async () => {
    for await (const chunk of body ?? []) heard.text += Buffer.from(chunk).toString();
  })().catch(() => {});
  const until = (part: string) =>
    eventually(
      () => heard.text,
      (text) => text.includes(part),
      10_000,
    );
  return {
    until,
    events: () => [...heard.text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, type, data]) => `${type} ${data}`),
    lastId: () => [...heard.text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '',
    leave: async () => {
      leaving.abort();
      await reading;
    },
  };
};

test('who listens hears each event, and who comes later those from then on', async () => {
  const early = await listen();
  stream.send('seat', { number: 1 });
  await early.until('"number":1');
  const late = await listen();
  stream.send('seat', { number: 2 });
  await late.until('"number":2');
  expect(early.events()).toEqual(['seat {"number":1}', 'seat {"number":2}']);
  expect(late.events()).toEqual(['seat {"number":2}']);
});

test.each(['the header', 'the query'])(
  'who comes back and names in %s what it had last hears what it missed, once',
  async (where) => {
    const first = await listen();
    stream.send('seat', { number: 1 }, 'one');
    await first.until('"number":1');
    await first.leave();
    stream.send('seat', { number: 2 }, 'two');
    stream.send('seat', { number: 3 }, 'three');
    const id = first.lastId();
    const back = where === 'the header' ? await listen({ 'last-event-id': id }) : await listen({}, `?after=${id}`);
    await back.until('"number":3');
    expect(back.events()).toEqual(['seat {"number":2}', 'seat {"number":3}']);
  },
);

test('who was there before anything happened misses nothing either', async () => {
  const first = await listen();
  await first.until('id: ');
  await first.leave();
  stream.send('seat', { number: 1 });
  const back = await listen({ 'last-event-id': first.lastId() });
  await back.until('"number":1');
  expect(back.events()).toEqual(['seat {"number":1}']);
});

test('who was away for too long, or heard another run, is told so and hears all that is kept', async () => {
  for (let number = 1; number <= 7; number += 1) stream.send('seat', { number });
  const back = await listen({ 'last-event-id': 'of another run' });
  await back.until('"number":7');
  expect(back.events()[0]).toBe('missed {}');
  expect(back.events().length).toBeGreaterThanOrEqual(1 + 3);
  expect(back.events()).not.toContain('seat {"number":1}');
});

test('however large events are, what is kept of them is not', async () => {
  stream.stop();
  await server.stop();
  await start({ kept: 1_000, replaysToNew: true });
  const large = 'x'.repeat(1024 * 1024);
  for (let number = 1; number <= 40; number += 1) stream.send('large', { number, large });
  stream.send('last', {});
  const late = await listen();
  const text = await late.until('event: last');
  expect(text.length).toBeLessThan(17 * 1024 * 1024);
  expect(text).toContain('"number":40');
});

test('where newcomers are to hear what was, they do', async () => {
  stream.stop();
  await server.stop();
  await start({ replaysToNew: true });
  stream.send('seat', { number: 1 });
  const late = await listen();
  await late.until('"number":1');
  expect(late.events()).toEqual(['seat {"number":1}']);
});

test('what is of use at this moment only is not kept', async () => {
  stream.tell('state', { waits: 1 });
  stream.send('seat', { number: 1 }, 'one');
  const back = await listen({ 'last-event-id': 'unknown' });
  await back.until('"number":1');
  expect(back.events()).toEqual(['missed {}', 'seat {"number":1}']);
});

test('it is known whether anybody listens', async () => {
  const [one, other] = [await listen(), await listen()];
  expect([stream.isListened, listened]).toEqual([true, [true]]);
  await one.leave();
  await other.leave();
  await eventually(
    () => listened.length,
    (length) => length === 2,
    10_000,
  );
  expect([stream.isListened, listened]).toEqual([false, [true, false]]);
});

test('data that holds line ends and words of the format stays one event', async () => {
  const listener = await listen();
  stream.send('seat', { name: 'a\n\nevent: forged\ndata: {}\r\n\r\n' });
  stream.send('seat', { name: 'last' });
  await listener.until('last');
  expect(listener.events().map((event) => event.split(' ')[0])).toEqual(['seat', 'seat']);
});
