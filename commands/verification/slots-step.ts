/** A booking with a slot: whether a transaction over both tables does on AWS what it does here. */
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import { saidBy } from './api.ts';
import { expectThat, type Step } from './step.ts';

export const slots: Step = {
  name: 'slots',
  title: 'a slot that a booking claims is refused to another, taken by its payment, and free once it is cancelled',
  run: async ({ api, bookings, cleanUp, deployment, holdMs, runId }) => {
    const [first, second] = [bookings.newId('slots'), bookings.newId('slots')];
    const slotId = `verify-${runId}/slot`;
    const create = (bookingId: string) => {
      deployment.ledger.count('slot move');
      return api.call('POST', '/bookings', { body: { bookingId, holdSeconds: holdMs / SECOND_MS, slotIds: [slotId] } });
    };
    const move = (path: 'confirm' | 'cancel') => {
      deployment.ledger.count('slot move');
      return api.call('POST', `/bookings/${first}/${path}`);
    };
    const stateOf = async () => (await api.call('GET', `/slots/${encodeURIComponent(slotId)}`)).body.state;

    const claimed = await create(first);
    expectThat(
      claimed.status === 201,
      `a booking with a slot of its own must be made with 201, got ${saidBy(claimed)}`,
    );
    // Else the slot of a run that is stopped in between would be taken for good.
    cleanUp.add(`the slot ${slotId}`, async () => {
      const undone = await move('cancel');
      // 409: it has lapsed.
      expectThat([200, 409].includes(undone.status), `its cancellation got ${saidBy(undone)}`);
    });
    const refused = await create(second);
    expectThat(
      refused.status === 409 && JSON.stringify(refused.body.slots ?? '').includes(slotId),
      `another booking must be refused the slot with 409 that names it, got ${saidBy(refused)}`,
    );
    const paid = await move('confirm');
    expectThat(paid.status === 200, `a payment in time must be taken with 200, got ${saidBy(paid)}`);
    const taken = await stateOf();
    expectThat(taken === 'TAKEN', `the slot must be TAKEN after the payment, is ${taken}`);
    const cancelled = await move('cancel');
    expectThat(cancelled.status === 200, `a cancellation must be taken with 200, got ${saidBy(cancelled)}`);
    const free = await stateOf();
    expectThat(free === 'FREE', `the slot must be FREE after the cancellation, is ${free}`);
    return 'refused to another with 409; TAKEN once it was paid, FREE once it was cancelled';
  },
};
