import { afterEach, describe, expect, test } from 'vitest';
import { InvocationError, type LambdaHost } from '../../local/lambda-host.ts';
import { eventually, lambdaOf } from '../support/lambda.ts';

const hosts: LambdaHost[] = [];
const host = (...args: Parameters<typeof lambdaOf>): LambdaHost => {
  const made = lambdaOf(...args);
  hosts.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((each) => each.stop()));
});

const pid = `let calls = 0; const id = Math.random();`;

describe('a Lambda on this machine', () => {
  test('sees its event as JSON, its own environment and nothing of the machine’s', async () => {
    process.env.SECRET_OF_THE_MACHINE = 'yes';
    const lambda = host('exports.handler = async (event) => ({ event, env: process.env })', {
      environment: { AWS_REGION: 'us-east-1', TABLE: 'bookings' },
    });
    const { event, env } = (await lambda.invoke({ a: 1, when: new Date(0), gone: undefined })) as never;
    expect(event).toEqual({ a: 1, when: '1970-01-01T00:00:00.000Z' });
    expect(env).toEqual({ AWS_REGION: 'us-east-1', TABLE: 'bookings' });
  });

  test('reuses an idle environment and makes another for a second event at the same time', async () => {
    const lambda = host(
      `${pid} exports.handler = async ({ ms }) => { await new Promise((r) => setTimeout(r, ms)); return { id, calls: ++calls }; }`,
    );
    const first = (await lambda.invoke({ ms: 0 })) as { id: number; calls: number };
    expect(await lambda.invoke({ ms: 0 })).toEqual({ id: first.id, calls: 2 });
    const [a, b] = (await Promise.all([lambda.invoke({ ms: 100 }), lambda.invoke({ ms: 100 })])) as { id: number }[];
    expect(a?.id).not.toBe(b?.id);
  });

  test('is stopped at its time limit, and the next event meets a fresh environment', async () => {
    const lambda = host(`${pid} exports.handler = async ({ hang }) => { calls += 1; while (hang) {} return calls; }`, {
      timeoutMs: 300,
    });
    expect(await lambda.invoke({})).toBe(1);
    await expect(lambda.invoke({ hang: true })).rejects.toThrow('Task timed out after 0.3 seconds');
    expect(await lambda.invoke({})).toBe(1);
  });

  test('that throws fails its invocation with the error’s own name and keeps its environment', async () => {
    const lambda = host(
      `${pid} exports.handler = async ({ fail }) => { calls += 1; if (fail) throw new TypeError('no such seat'); return calls; }`,
    );
    await expect(lambda.invoke({ fail: true })).rejects.toMatchObject({
      errorType: 'TypeError',
      message: 'no such seat',
    });
    expect(await lambda.invoke({})).toBe(2);
  });

  test('that ends its process fails its invocation, not the runtime', async () => {
    const lambda = host('exports.handler = async ({ exit }) => { if (exit) process.exit(1); return "alive"; }');
    await expect(lambda.invoke({ exit: true })).rejects.toMatchObject({ errorType: 'Runtime.ExitError' });
    expect(await lambda.invoke({})).toBe('alive');
  });

  test('whose machine is lost fails what it was doing, and the next event meets a fresh environment', async () => {
    const lambda = host(
      `${pid} exports.handler = async ({ ms }) => { await new Promise((r) => setTimeout(r, ms)); return { id, calls: ++calls }; }`,
    );
    const first = (await lambda.invoke({ ms: 0 })) as { id: number };
    const lost = lambda.invoke({ ms: 60_000 });
    await lambda.crash();
    await expect(lost).rejects.toMatchObject({ errorType: 'Runtime.ExitError' });
    const next = (await lambda.invoke({ ms: 0 })) as { id: number; calls: number };
    expect(next.calls).toBe(1);
    expect(next.id).not.toBe(first.id);
  });

  test('whose bundle cannot be loaded says why before any event comes', async () => {
    await expect(host('throw new Error("environment variable X must be set")').warmUp()).rejects.toThrow(
      'TestFunction: environment variable X must be set',
    );
    await expect(host('exports.other = 1').warmUp()).rejects.toThrow('exports no handler');
  });

  test('knows how much time is left', async () => {
    const lambda = host('exports.handler = async (event, context) => context.getRemainingTimeInMillis()', {
      timeoutMs: 4_000,
    });
    const left = Number(await lambda.invoke({}));
    expect(left).toBeGreaterThan(2_000);
    expect(left).toBeLessThanOrEqual(4_000);
  });

  test('starts few environments at a time: a crowd is served by those that are ready first', async () => {
    const loaded: string[] = [];
    const lambda = host('console.log("loaded"); exports.handler = () => {};', {
      onLogLine: (line) => loaded.push(line),
    });
    const crowd = 40;
    await Promise.all(Array.from({ length: crowd }, () => lambda.invoke({})));
    expect(loaded.length).toBeLessThan(crowd);
    await lambda.stop();
  });

  test('never runs in more environments at once than allowed; the rest wait', async () => {
    const lambda = host(
      `${pid} exports.handler = async () => { await new Promise((r) => setTimeout(r, 30)); return id; }`,
      { maxConcurrency: 2 },
    );
    const ids = await Promise.all(Array.from({ length: 8 }, () => lambda.invoke({})));
    expect(new Set(ids).size).toBe(2);
  });

  test('is loaded in as many environments as it may have, where more are wanted', async () => {
    const lambda = host('exports.handler = () => {};', { maxConcurrency: 2 });
    await lambda.warmUp(5);
    expect(await lambda.heapBytes()).toHaveLength(2);
  }, 20_000);

  test('hands its log lines over', async () => {
    const lines: string[] = [];
    const lambda = host('exports.handler = async () => { console.log("one"); console.error("two"); }', {
      onLogLine: (line) => lines.push(line),
    });
    await lambda.invoke({});
    expect(
      await eventually(
        () => [...lines].sort(),
        (seen) => seen.length === 2,
      ),
    ).toEqual(['one', 'two']);
  });

  describe('hands over what it printed', () => {
    const printing = (source: string, overrides: Parameters<typeof lambdaOf>[1] = {}) => {
      const lines: string[] = [];
      return { lines, lambda: host(source, { ...overrides, onLogLine: (line) => lines.push(line) }) };
    };

    test('with its answer: who waits for that has the lines', async () => {
      const { lambda, lines } = printing('exports.handler = async () => { console.log("one"); console.error("two"); }');
      await lambda.invoke({});
      expect([...lines].sort()).toEqual(['one', 'two']);
    });

    test('with an error that it throws', async () => {
      const { lambda, lines } = printing(
        'exports.handler = async () => { console.log("before"); throw new Error("no"); }',
      );
      await expect(lambda.invoke({})).rejects.toThrow('no');
      expect(lines).toEqual(['before']);
    });

    test('before its time was up, though it never answered, nor let anything else run', async () => {
      const { lambda, lines } = printing(
        'exports.handler = async () => { console.log("before"); console.error("ä"); while (true); }',
        { timeoutMs: 300 },
      );
      await expect(lambda.invoke({})).rejects.toThrow('timed out');
      expect([...lines].sort()).toEqual(['before', 'ä']);
    });

    test('before its process ended', async () => {
      const { lambda, lines } = printing('exports.handler = async () => { console.log("before"); process.exit(1); }');
      await expect(lambda.invoke({})).rejects.toMatchObject({ errorType: 'Runtime.ExitError' });
      expect(lines).toEqual(['before']);
    });

    test('before an error that nobody waits for ended it', async () => {
      const { lambda, lines } = printing(
        'exports.handler = async () => { console.log("before"); setTimeout(() => { throw new Error("stray"); }); await new Promise(() => {}); }',
      );
      await expect(lambda.invoke({})).rejects.toMatchObject({ errorType: 'Runtime.ExitError' });
      expect([...lines].sort()[0]).toBe('before');
      expect(lines.join()).toContain('stray');
    });

    test('while it works for long, and after its answer', async () => {
      const { lambda, lines } = printing(`
        exports.handler = async ({ go }) => {
          if (go) return;
          console.log("working");
          setTimeout(() => console.log("afterwards"), 2_000);
          await new Promise((r) => setTimeout(r, 1_500));
          console.log("done");
        };`);
      const answer = lambda.invoke({});
      await eventually(
        () => [...lines],
        (seen) => seen.length === 1,
      );
      expect(lines).toEqual(['working']);
      await answer;
      expect(lines).toEqual(['working', 'done']);
      await eventually(
        () => [...lines],
        (seen) => seen.length === 3,
      );
      expect(lines).toEqual(['working', 'done', 'afterwards']);
    });

    test('while it loads, and why it could not be loaded', async () => {
      const { lambda, lines } = printing('console.log("loading"); throw new Error("no table");');
      await expect(lambda.warmUp()).rejects.toThrow('no table');
      expect(lines).toEqual(['loading']);
    });

    test('of any length, in order, each line once, with every character', async () => {
      const { lambda, lines } = printing(`
        exports.handler = async () => {
          process.stdout.write("a line in ");
          process.stdout.write(Buffer.from("two parts\\u2028\\n"));
          for (let i = 0; i < 3000; i += 1) console.log("ß".repeat(50) + i);
          console.log("x".repeat(200_000));
          process.stdout.write("no end");
        };`);
      await lambda.invoke({});
      await lambda.stop();
      expect(lines).toEqual([
        'a line in two parts\u2028',
        ...Array.from({ length: 3_000 }, (_, index) => 'ß'.repeat(50) + index),
        'x'.repeat(200_000),
        'no end',
      ]);
    });

    test('whoever waits for a line to be written gets to know', async () => {
      const { lambda, lines } = printing(
        'exports.handler = () => new Promise((resolve) => process.stdout.write("7a0a", "hex", () => resolve("written")));',
      );
      expect(await lambda.invoke({})).toBe('written');
      expect(lines).toEqual(['z']);
    });
  });

  test('finishes what is in flight when it is stopped', async () => {
    const lambda = host(
      'exports.handler = async () => { await new Promise((r) => setTimeout(r, 200)); return "done"; }',
    );
    await lambda.warmUp();
    const answer = lambda.invoke({});
    await lambda.stop();
    expect(await answer).toBe('done');
  });

  test('that takes too long to load is loaded once more, within its own time limit', async () => {
    const slow = 'const end = Date.now() + 400; while (Date.now() < end); exports.handler = async () => "loaded"';
    const lambda = host(slow, { initTimeoutMs: 100, timeoutMs: 60_000 });
    expect(await lambda.invoke({})).toBe('loaded');
    expect(lambda.environments).toBe(1);
  });

  test('that takes too long to load twice fails its invocation, and says how long it had', async () => {
    const lambda = host('while (true);', { initTimeoutMs: 100, timeoutMs: 200 });
    await expect(lambda.invoke({})).rejects.toThrow('TestFunction: not loaded after 0.1 seconds, nor after 0.2 more');
    expect(lambda.environments).toBe(0);
  });

  test('that is stopped before it is loaded leaves no environment behind', async () => {
    const lambda = host('const until = Date.now() + 500; while (Date.now() < until); exports.handler = () => {};');
    const loaded = lambda.warmUp().catch((error) => error);
    await lambda.stop();
    expect(await loaded).toBeInstanceOf(InvocationError);
    expect(await lambda.heapBytes()).toEqual([]);
  });
});
