/** What docs/payments.md says of each answer of the service: the answers are those of the real API, on real engines. */
import { describe, expect, test } from 'vitest';
import {
  type Answer,
  confirmBody,
  type Meaning,
  meaningOfCancel,
  meaningOfConfirm,
} from '../../docs/examples/payments/answers.ts';
import type { BookingsApiPorts } from '../../functions/api/bookings-api.ts';
import { ContentionError } from '../../functions/api/ports.ts';
import { useBookingsApi } from '../support/bookings-api.ts';

const api = useBookingsApi();
const id = (name: string) => `${name}-${api.sequence()}`;
const slot = (name: string) => `friday-20h/${name}-${api.sequence()}`;
const hold = (name: string, slots: string[] = ['1']) =>
  api.call('POST', '/bookings', {
    bookingId: id(name),
    holdSeconds: 60,
    ...(slots.length > 0 && { slotIds: slots.map(slot) }),
  });
const confirm = (name: string, policy: 'plain' | 'revive' = 'plain'): Promise<Answer> =>
  api.call('POST', `/bookings/${id(name)}/confirm`, confirmBody(policy));
const cancel = (name: string): Promise<Answer> => api.call('POST', `/bookings/${id(name)}/cancel`);
const lapse = () => api.moveBy(60_000);

describe('a confirmation', () => {
  test('in time says that the money stays, and so does its repetition, also after the deadline', async () => {
    await hold('paid');
    expect(meaningOfConfirm(await confirm('paid'))).toBe('confirmed');
    lapse();
    expect(meaningOfConfirm(await confirm('paid'))).toBe('confirmed');
  });

  test.each(['plain', 'revive'] as const)(
    '(%s) of what was cancelled says that the money goes back',
    async (policy) => {
      await hold('gone');
      await cancel('gone');
      expect(meaningOfConfirm(await confirm('gone', policy))).toBe('over');
    },
  );

  test('that comes late says that the money goes back, and nothing changes that', async () => {
    await hold('late');
    lapse();
    expect(meaningOfConfirm(await confirm('late'))).toBe('over');
    expect(meaningOfConfirm(await confirm('late'))).toBe('over');
  });

  test('that revives says that the money stays while the seat is free, and that it goes back when it is another’s', async () => {
    await hold('late', ['1']);
    await hold('later', ['2']);
    lapse();
    await hold('next', ['2']);
    expect(meaningOfConfirm(await confirm('late', 'revive'))).toBe('confirmed');
    expect(meaningOfConfirm(await confirm('later', 'revive'))).toBe('over');
    await cancel('next');
    expect(meaningOfConfirm(await confirm('later', 'revive'))).toBe('over');
  });

  test('that revives a booking without slots says that the money goes back', async () => {
    await hold('plain', []);
    lapse();
    expect(meaningOfConfirm(await confirm('plain', 'revive'))).toBe('over');
  });

  test('of a booking that is not there says that the money goes back', async () => {
    expect(meaningOfConfirm(await confirm('nobody'))).toBe('over');
  });

  test('two policies answer differently: what one refuses, the other confirms', async () => {
    await hold('late');
    lapse();
    expect(meaningOfConfirm(await confirm('late', 'plain'))).toBe('over');
    expect(meaningOfConfirm(await confirm('late', 'revive'))).toBe('confirmed');
  });

  test('with an Idempotency-Key says what was: CONFIRMED, although it has been cancelled since', async () => {
    await hold('kept');
    const headers = { 'idempotency-key': `confirm-${api.sequence()}` };
    const withKey = () => api.call('POST', `/bookings/${id('kept')}/confirm`, undefined, headers);
    await withKey();
    await cancel('kept');
    expect(meaningOfConfirm(await withKey())).toBe('confirmed');
    expect(meaningOfConfirm(await confirm('kept'))).toBe('over');
  });

  test.each([
    ['is busy', new ContentionError('others were in the way'), 503],
    ['has failed', new Error('something else'), 500],
  ])('while the service %s decides nothing', async (_, error, status) => {
    await hold('paid');
    const { store } = api.ports();
    const failing: Pick<BookingsApiPorts['store'], 'confirm'> = { confirm: () => Promise.reject(error) };
    api.replacePorts({ store: Object.assign(Object.create(store), failing) });
    const answer = await confirm('paid');
    expect([answer.status, meaningOfConfirm(answer)]).toEqual([status, 'ask-again']);
  });

  test('at a wrong address, or that is wrong itself, decides nothing, and a person must look', async () => {
    await hold('paid');
    const wrong: Answer[] = [
      await api.call('POST', `/bookings/${id('paid')}/confirm`, { ifLapsed: 'always' }),
      await api.call('DELETE', `/bookings/${id('paid')}/confirm`),
      { status: 404, body: {} },
      { status: 403, body: {} },
      { status: 200, body: {} },
    ];
    expect(wrong.map(({ status }) => status)).toEqual([400, 405, 404, 403, 200]);
    expect(wrong.map(meaningOfConfirm)).toEqual(Array(5).fill('not-understood'));
  });

  test.each<[string, Answer, Meaning]>([
    ['too many requests', { status: 429, body: {} }, 'ask-again'],
    [
      'the same request at work',
      { status: 409, body: { type: 'urn:booking-expiry:problem:request-in-flight' } },
      'ask-again',
    ],
    [
      'a refusal as PENDING',
      { status: 409, body: { type: 'urn:booking-expiry:problem:move-refused', found: 'PENDING' } },
      'ask-again',
    ],
    [
      'a word of another program',
      { status: 409, body: { type: 'urn:booking-expiry:problem:move-refused', found: 'on hold' } },
      'not-understood',
    ],
  ])('that is answered with %s', (_, answer, meaning) => {
    expect(meaningOfConfirm(answer)).toBe(meaning);
  });
});

describe('a cancellation', () => {
  test('of a held or a paid booking is the end of it', async () => {
    await hold('held', ['1']);
    expect(meaningOfCancel(await cancel('held'), true)).toBe('over');
    await hold('paid', ['2']);
    await confirm('paid');
    expect(meaningOfCancel(await cancel('paid'), true)).toBe('over');
  });

  test('of a lapsed booking is the end only if nothing can revive it', async () => {
    await hold('late');
    lapse();
    const answer = await cancel('late');
    expect(meaningOfCancel(answer, false)).toBe('over');
    expect(meaningOfCancel(answer, true)).toBe('lapsed');
    // What a revival that is still on its way would do.
    expect(meaningOfConfirm(await confirm('late', 'revive'))).toBe('confirmed');
    expect(meaningOfCancel(await cancel('late'), true)).toBe('over');
    expect(meaningOfConfirm(await confirm('late', 'revive'))).toBe('over');
  });
});
