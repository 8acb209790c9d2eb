/** What the template wired: the readers, who may call the API, and what waits in the dead-letter queues. */
import { OLD_RECORD_MS } from '../../functions/contract.ts';
import { systemClock } from '../../functions/runtime/clock.ts';
import { lookAtReaders, readerProblems } from '../event-sources.ts';
import { arnOf, messagesIn } from '../queues.ts';
import { expectThat, NotChecked, onlyOnAws, type Step } from './step.ts';

const READERS = 3;

export const readers: Step = {
  name: 'readers',
  title: 'two Lambdas read the table’s stream and one the timer queue, all switched on and none behind',
  run: async ({ deployment: { connection, outputs, ledger } }) => {
    const { eventSources, streamArn, sqsClient } = connection;
    if (eventSources === undefined || streamArn === undefined)
      throw new NotChecked('the engine does not say who reads the stream');
    const queueArn = await arnOf(sqsClient, outputs.TimerQueueUrl);
    ledger.count('CloudWatch');
    const found = await lookAtReaders(eventSources, streamArn, queueArn, systemClock());
    const problems = readerProblems(found, OLD_RECORD_MS);
    expectThat(problems.length === 0, problems.join('; '));
    expectThat(found.length === READERS, `there must be ${READERS} readers, found ${found.length}`);
    return found.map(({ functionName, state }) => `${functionName} ${state}`).join(', ');
  },
};

export const openRoutes: Step = {
  name: 'open-routes',
  title: 'anybody may ask for the HTTP API’s health and its document',
  run: async ({ api }) => {
    const [health, document] = [
      await api.call('GET', '/health', { as: 'nobody' }),
      await api.call('GET', '/openapi.json', { as: 'nobody' }),
    ];
    expectThat(health.status === 200 && health.body.status === 'ok', `GET /health answered ${health.status}`);
    expectThat(document.status === 200, `GET /openapi.json answered ${document.status}`);
    return `health ok, OpenAPI ${document.body.openapi}`;
  },
};

export const authorization: Step = {
  name: 'authorization',
  title: 'nobody reads or writes bookings without a signature or a JWT',
  run: async ({ api, deployment }) => {
    onlyOnAws(deployment, 'the local API is open to programs on this machine');
    const statuses = [
      (await api.call('GET', '/bookings?status=PENDING', { as: 'nobody' })).status,
      (await api.call('POST', '/bookings', { as: 'nobody', body: {} })).status,
    ];
    expectThat(
      statuses.every((status) => status === 401 || status === 403),
      `requests without authorization must be answered 401 or 403, got ${statuses.join(' and ')}`,
    );
    return `refused with ${statuses.join(' and ')}`;
  },
};

export const deadLetters: Step = {
  name: 'dead-letters',
  title: 'nothing waits in the dead-letter queues',
  run: async ({ deployment: { connection } }) => {
    // As the table's tags name them: with those of what only some deployments have.
    const counts = await Promise.all(
      Array.from(connection.deadLetterQueueUrls, async ([name, url]) => {
        const { visible, inFlight } = await messagesIn(connection.sqsClient, url);
        return { name, count: visible + inFlight };
      }),
    );
    expectThat(counts.length > 0, 'the table has no tags that name them');
    const found = counts.filter(({ count }) => count > 0).map(({ name, count }) => `${count} in ${name}`);
    expectThat(found.length === 0, `${found.join(', ')}: the runbook says what to do (docs/runbook.md#dead-letters)`);
    return `${counts.length} queues, all empty`;
  },
};
