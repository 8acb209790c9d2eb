/** Where histories are played: an engine that several share, and a world for each. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { readAssembly } from '../../local/assembly.ts';
import { type Engine, LOCAL_CREDENTIALS, REGION } from '../../local/engines.ts';
import { openDynamoDb } from '../../local/open-engines.ts';
import type { BatchAnswers } from '../support/batch-answers.ts';
import { BOOKINGS, type TableOfAMake } from '../support/five-tables.ts';
import { TEST_ASSEMBLY } from '../support/synthesize.ts';
import type { Manners } from './application.ts';
import { Play } from './play.ts';
import type { Step } from './steps.ts';
import { World } from './world.ts';

/** Histories for one engine: it keeps what it has streamed, and gets slower with it. */
const HISTORIES_PER_ENGINE = 200;

/** Plays histories, each in tables of its own, on an engine that is renewed now and then. */
export class Player {
  #engine: Engine | undefined;
  #clients: ConstructorParameters<typeof World>[0] | undefined;
  #played = 0;
  readonly #make: TableOfAMake;

  /** @param make the table that its histories are about */
  constructor(make: TableOfAMake = BOOKINGS) {
    this.#make = make;
  }

  /**
   * @param lambdasAheadMs how far the Lambdas' clocks are ahead without the model knowing
   * @throws BrokenPromise if a promise does not hold
   */
  readonly play = async (history: readonly Step[], lambdasAheadMs = 0): Promise<void> => {
    // Both answers are met, each history always with the same one.
    const batchAnswers = history.length % 2 === 0 ? 'with the item' : 'without the item';
    // So are all manners.
    const manners = { knowsShards: history.length % 4 < 2, isCareful: history.length % 3 === 0 };
    const world = await this.world(lambdasAheadMs, batchAnswers, manners);
    const play = new Play(world);
    try {
      for (const step of history) await play.step(step);
      await play.end();
    } finally {
      await world.end();
    }
  };

  /** A world of its own, which whoever asked for it ends. */
  async world(
    lambdasAheadMs = 0,
    batchAnswers: BatchAnswers = 'with the item',
    manners: Manners = { knowsShards: true, isCareful: true },
  ): Promise<World> {
    const world = new World(await this.#ready(), this.#make, manners, lambdasAheadMs, batchAnswers);
    await world.begin();
    return world;
  }

  async #ready() {
    if (this.#played % HISTORIES_PER_ENGINE === 0) {
      await this.stop();
      this.#engine = await openDynamoDb();
      const { endpoint } = this.#engine;
      const client = { region: REGION, credentials: LOCAL_CREDENTIALS, endpoint };
      this.#clients = {
        raw: new DynamoDBClient(client),
        streams: new DynamoDBStreamsClient(client),
        endpoint,
        assembly: readAssembly(TEST_ASSEMBLY),
      };
    }
    this.#played += 1;
    if (this.#clients === undefined) throw new Error('there is no engine');
    return this.#clients;
  }

  async stop(): Promise<void> {
    this.#clients?.raw.destroy();
    this.#clients?.streams.destroy();
    await this.#engine?.stop();
  }
}
