/** How long others are waited for who are at the same items, and when that is given up. */
import { TransactionConflictException } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { type Patience, USUAL_PATIENCE, whenNotBusy } from '../../functions/adapters/contention.ts';
import { whenNoTransaction } from '../../functions/adapters/transaction-conflicts.ts';
import { ContentionError } from '../../functions/api/ports.ts';

const NOW = 1_790_000_000_000;

/** Pauses of which each takes as long as it is asked for, and nothing else takes any time. */
const counting = (random: number, limitMs = USUAL_PATIENCE.limitMs) => {
  let passedMs = 0;
  const pauses: number[] = [];
  const patience: Patience = {
    limitMs,
    pause: async (ms) => {
      pauses.push(ms);
      passedMs += ms;
    },
    elapsed: () => passedMs,
    random: () => random,
  };
  return { pauses, patience };
};

describe('while others are in the way of a move', () => {
  const nobodyAfter = (tries: number, times: number[] = []) => {
    let left = tries;
    return async (nowMs: number) => {
      times.push(nowMs);
      left -= 1;
      return left < 0 ? 'made' : undefined;
    };
  };

  test('pauses double from 20 ms up to 400 ms', async () => {
    const { pauses, patience } = counting(1);
    expect(await whenNotBusy(nobodyAfter(7), NOW, patience)).toBe('made');
    expect(pauses).toEqual([20, 40, 80, 160, 320, 400, 400]);
  });

  test('pauses are of random length', async () => {
    const { pauses, patience } = counting(0.25);
    await whenNotBusy(nobodyAfter(6), NOW, patience);
    expect(pauses).toEqual([5, 10, 20, 40, 80, 100]);
  });

  test('each try is told how late it is by then, in whole milliseconds', async () => {
    const times: number[] = [];
    await whenNotBusy(nobodyAfter(2, times), NOW, counting(0.33).patience);
    expect(times).toEqual([NOW, NOW + 6, NOW + 19]);
  });

  test('no try begins later than the limit, and one may begin at it', async () => {
    const { pauses, patience } = counting(1, 140);
    expect(await whenNotBusy(nobodyAfter(3), NOW, patience)).toBe('made');
    expect(pauses).toEqual([20, 40, 80]);
    const late = whenNotBusy(nobodyAfter(3), NOW, counting(1, 139).patience);
    await expect(late).rejects.toThrow(new ContentionError('others were in the way of 3 tries in 139 ms'));
    await expect(late).rejects.toBeInstanceOf(ContentionError);
  });

  test('four seconds are the usual limit', async () => {
    const { pauses, patience } = counting(1);
    await expect(whenNotBusy(nobodyAfter(100), NOW, patience)).rejects.toThrow('of 14 tries in 4000 ms');
    expect(pauses).toHaveLength(13);
  });

  test('an error of a try is the answer, at once', async () => {
    const { pauses, patience } = counting(1);
    const failing = async () => Promise.reject(new Error('no route to host'));
    await expect(whenNotBusy(failing, NOW, patience)).rejects.toThrow('no route to host');
    expect(pauses).toEqual([]);
  });
});

describe('while a transaction is in the way of a write', () => {
  const conflict = (message = 'conflict') => new TransactionConflictException({ message, $metadata: {} });
  /** A write that meets these errors, one after another, and is made then. */
  const meeting = (...errors: readonly Error[]) => {
    let sent = 0;
    return {
      sent: () => sent,
      send: async () => {
        sent += 1;
        const error = errors[sent - 1];
        if (error) throw error;
        return { made: sent };
      },
    };
  };

  test('pauses double from 10 ms up to 320 ms, and the seventh try is the last', async () => {
    const { pauses, patience } = counting(1);
    const { send, sent } = meeting(...Array.from({ length: 7 }, (_, index) => conflict(`conflict ${index + 1}`)));
    await expect(whenNoTransaction(send, patience)).rejects.toThrow('conflict 7');
    expect(pauses).toEqual([10, 20, 40, 80, 160, 320]);
    expect(sent()).toBe(7);
  });

  test('pauses are of random length, and the seventh try may be the one that is made', async () => {
    const { pauses, patience } = counting(0.5);
    const { send } = meeting(...Array.from({ length: 6 }, () => conflict()));
    expect(await whenNoTransaction(send, patience)).toEqual({ made: 7 });
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160]);
  });

  test('however long the tries take: their number alone counts', async () => {
    const { pauses, patience } = counting(1, 0);
    expect(await whenNoTransaction(meeting(conflict(), conflict()).send, patience)).toEqual({ made: 3 });
    expect(pauses).toEqual([10, 20]);
  });

  test('another error is the answer, at once', async () => {
    const { pauses, patience } = counting(1);
    const { send } = meeting(conflict(), new Error('no route to host'));
    await expect(whenNoTransaction(send, patience)).rejects.toThrow('no route to host');
    expect(pauses).toEqual([10]);
  });
});
